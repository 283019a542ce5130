// What a process leaves behind that runs out of memory.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { heapLimitOf } from '../../src/profiling/heap-limit.ts'
import { runCli } from '../support/cli.ts'
import { record } from '../support/record.ts'

/** Fills 88 of 100 MB in one go, then goes on in a loop until the profile is there. */
const APP = `import { existsSync, readdirSync } from 'node:fs'
import { getHeapStatistics } from 'node:v8'
import { span } from '@perf/agent/api'
const held = []
function hoard() { for (let i = 0; i < 1000; i++) held.push({ i, text: 'x' + i, more: [i, i, i] }) }
const folder = () => { const all = '.perf/sessions'; return all + '/' + readdirSync(all)[0] + '/heap' }
const isThere = () => existsSync(folder()) && readdirSync(folder()).some((name) => /\\.0\\.0\\.heapprofile/.test(name))
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function main() {
  span('first', () => {})
  while (!existsSync('.perf/sessions')) await sleep(10)
  span('filler', () => { while (getHeapStatistics().used_heap_size < 88e6) hoard(); while (!isThere()); })
  process.exit(4)
}
void main()
`

describe.each(['esm', 'cjs'] as const)('a process near its heap limit (%s)', (format) => {
  it('leaves a small profile that names who fills the heap, without a turn of its event loop', async () => {
    const run = await record({
      format,
      app: APP,
      nodeArgs: ['--max-old-space-size=100'],
      env: { PERF_TRIGGERS: 'near-oom:heap-profile' },
      timeoutMs: 60_000,
    })
    // Nor does it say that a debugger was there.
    expect([run.stderr, run.status]).toEqual(['', 4])
    expect(readdirSync(path.join(run.sessionDir ?? '', 'heap')).some((name) => name.includes('.0.0.heapprofile'))).toBe(true)
    const top = JSON.parse((await runCli(['heap', 'top', '--json', '--dir', run.perfDir])).stdout) as { sites: { function: string }[] }
    expect(top.sites[0]?.function).toBe('hoard')
  })
})

describe('the size at which a heap is full', () => {
  const V8 = 292 << 20
  it.each([
    [[], '', V8],
    [['--max-old-space-size=100'], '', 100 << 20],
    [['--max_old_space_size', '100'], '', 100 << 20],
    [['--max-old-space-size=100', '--import', 'x', '--max-old-space-size=200'], '', 200 << 20],
    [[], '--import x --max-old-space-size=100', 100 << 20],
    [['--max-old-space-size=200'], '--max-old-space-size=100', 200 << 20],
    [['--max-old-space-size=9000'], '', V8],
    [['--max-old-space-size=0'], '', V8],
  ])('%j, %j', (execArgv, nodeOptions, bytes) => expect(heapLimitOf(V8, execArgv, nodeOptions)).toBe(bytes))
})
