// Stacks of stalls and of tasks name functions, files and lines of the source, however the program was compiled.
import { transformSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { record } from '../support/record.ts'

const SOURCE = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'

interface Options {
  ms: number
}

export function blockTyped({ ms }: Options): void {

  const end: number = performance.now() + ms


  while (performance.now() < end);
}

type Kept = Promise<unknown>[]

const kept: Kept = []

export function forgetTyped(): void {

  kept.push(new Promise(() => {}))
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
async function main(): Promise<void> {
  span('first', () => {})
  while (!existsSync('.perf/sessions')) await sleep(10)
  await sleep(300)
  span('typed', () => {
    forgetTyped()
    blockTyped({ ms: 800 })
  })
  await sleep(200)
  process.exit(kept.length === 1 ? 0 : 1)
}
void main()
`
const lineOf = (text: string): number => SOURCE.split('\n').findIndex((line) => line.includes(text)) + 1

interface Place {
  function: string
  file: string
  line: number
}

describe.each([false, true])('compiled by esbuild with a map beside it, minified: %s', (minify) => {
  it('tells where the source blocks and begins', async () => {
    const { code, map } = transformSync(SOURCE, { loader: 'ts', format: 'esm', sourcefile: 'stuck.ts', target: 'node20', sourcemap: 'external', minify }) // prettier-ignore
    const files = { 'stuck.js': `${code}\n//# sourceMappingURL=stuck.js.map\n`, 'stuck.js.map': map }
    const run = await record({ app: `import './stuck.js'\n`, files, env: { PERF_ASYNC: 'on' }, timeoutMs: 60_000 })
    expect([run.stderr, run.status]).toEqual(['', 0])
    const reader = await openSession(readSession(run.sessionDir ?? ''))
    try {
      const stalls = await reader.rows<Place & { stack: string }>(
        `SELECT s.function, s.file, s.line, s.stack FROM stalls s JOIN spans p USING (span_id) WHERE p.name = 'typed'`,
      )
      expect(stalls).toMatchObject([{ function: 'blockTyped', file: expect.stringMatching(/[/\\]stuck\.ts$/) }])
      expect([lineOf('while (performance'), lineOf('function blockTyped')]).toContain(stalls[0]?.line)
      expect(stalls[0]?.stack).toMatch(/at blockTyped \(.*stuck\.ts:\d+:\d+\)/)
      expect(stalls[0]?.stack).not.toContain('stuck.js')
      const tasks = await reader.rows<Place>(`SELECT function, file, line FROM tasks WHERE state = 'pending' AND kind = 'promise'`)
      expect(tasks).toContainEqual({
        function: 'forgetTyped',
        file: expect.stringMatching(/[/\\]stuck\.ts$/) as string,
        line: lineOf('kept.push'),
      })
    } finally {
      reader.close()
    }
  })
})
