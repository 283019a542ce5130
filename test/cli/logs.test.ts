// Lines of logs in the report, below the spans of a trace, and as rows.
import { beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { record, type Recorded } from '../support/record.ts'

const APP = `import { span } from '@perf/agent/api'
try {
  await span('request', async () => {
    console.info('started')
    await span('step', async () => { console.warn('careful with token=Zq7cAnArY9'); throw new Error('no') })
  })
} catch {}
span('many', () => { for (let i = 0; i < 9; i++) console.log('line', i) })
console.error('outside')
`

describe('lines of logs', () => {
  let run: Recorded
  const cli = async (...args: string[]): Promise<string> => (await runCli([...args, '--dir', run.perfDir])).stdout
  beforeAll(async () => {
    run = await record({ app: APP })
  })

  it('are counted by level in the report, with those of traces that failed', async () => {
    const section = /\nLogs\n([^]*?)\n\n/.exec(`${await cli('report')}\n\n`)?.[1]?.split('\n')
    expect(section?.[0]).toBe('12 lines: 9 log, 1 error, 1 info, 1 warn')
    expect(section?.slice(2).map((line) => line.replace(/^[\d:.]+ +/, '').replace(/ +[0-9a-f]{8}$/, ''))).toEqual([
      'info   started',
      'warn   careful with token=REDACTED',
    ])
    expect(section?.every((line) => line.length <= 80)).toBe(true)
  })

  it('stand below their span in a trace where they are few', async () => {
    const [request, many] = ['request', 'many'].map((name) => run.spans.find((span) => span.name === name)?.traceId ?? '')
    const [, waterfall = ''] = (await cli('trace', request ?? '')).split('\n\n')
    expect(waterfall.split('\n').slice(0, 4)).toEqual([
      expect.stringMatching(/^ {2}request /),
      '    . info: started',
      expect.stringMatching(/^ {4}step /),
      '      . warn: careful with token=REDACTED',
    ])
    expect((await cli('trace', many ?? '')).split('\n')).toContain('    . 9 lines of logs')
    const { tree } = JSON.parse(await cli('trace', request ?? '', '--json')) as { tree: { name: string; logs: unknown[] }[] }
    expect(tree.map(({ name, logs }) => [name, logs.length])).toEqual([
      ['request', 1],
      ['step', 1],
    ])
  })

  it('are rows with the ids of their span and trace', async () => {
    const sql = `SELECT l.level, l.message, s.name, l.trace_id = s.trace_id AS same FROM logs l LEFT JOIN spans s USING (span_id) WHERE level <> 'log' ORDER BY l.time`
    expect(JSON.parse(await cli('sql', '--json', sql))).toEqual([
      { level: 'info', message: 'started', name: 'request', same: true },
      { level: 'warn', message: 'careful with token=REDACTED', name: 'step', same: true },
      { level: 'error', message: 'outside', name: null, same: null },
    ])
  })
})
