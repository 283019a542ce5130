// `perf-agent trace`: what the time of a span was, on a program whose truth is known.
import { expect, it } from 'vitest'
import type { TimeParts } from '../../src/analysis/time-parts.ts'
import { runCli } from '../support/cli.ts'
import { record } from '../support/record.ts'

const APP = `import { existsSync } from 'node:fs'
import http from 'node:http'
import { span } from '@perf/agent/api'
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
function burn(ms) { const end = performance.now() + ms; let kept = []; while (performance.now() < end) kept.push({ x: 1 }); return kept.length }
async function main() {
  span('first', () => {})
  while (!existsSync('.perf/sessions')) await sleep(10)
  await sleep(600)
  const server = http.createServer(async (request, response) => { await sleep(400); response.end('x') }).listen(0)
  await span('job', async () => {
    await Promise.all([
      span('burner', async () => { await sleep(20); burn(700) }),
      span('outer', () => span('waiter', () => sleep(100))),
    ])
    await span('fetcher', async () => (await fetch('http://127.0.0.1:' + server.address().port)).text())
    await sleep(3000)
  })
  server.close()
}
void main()
`

it.each(['esm', 'cjs'] as const)('the parts of a span fit what the program did (%s)', async (format) => {
  const run = await record({ format, app: APP, env: { PERF_CPU: 'on' }, timeoutMs: 60_000 })
  expect([run.stderr, run.status]).toEqual(['', 0])
  const { stdout } = await runCli(['trace', '--json', '--dir', run.perfDir])
  const { tree } = JSON.parse(stdout) as { tree: (TimeParts & { kind: string })[] }
  const of = (name: string, kind = 'internal') => tree.find((part) => part.name === name && part.kind === kind)
  const [burner, waiter] = [of('burner'), of('waiter')]
  expect(burner?.blocking_ms).toBeGreaterThan(500)
  expect(burner?.cpu_ms).toBeGreaterThan(200)
  expect(burner?.loop_ms ?? 0).toBeLessThan(burner?.blocking_ms ?? 0)
  expect(waiter?.loop_ms).toBeGreaterThan(500)
  expect(waiter?.cpu_ms ?? 0).toBeLessThan(burner?.cpu_ms ?? 0)
  expect(burner?.gc_ms).not.toBeNull()
  expect(burner?.gc_ms).toBeLessThan(burner?.duration_ms ?? 0)
  expect(waiter?.heap_bytes).toBeNull()
  // The other side is in this process, too: its span takes the waiting away from the caller's own time.
  expect(of('GET', 'server')?.self_ms).toBeGreaterThan(300)
  expect(of('GET', 'client')?.io_ms ?? 0).toBeLessThan(of('GET', 'client')?.duration_ms ?? 0)
  // The parts are parts of the self time: together never more than it, as the clock and the profile agree.
  for (const part of tree) {
    const cpu = part.cpu_ms ?? 0
    const waiting = (part.pool_ms ?? 0) + (part.io_ms ?? 0) + (part.loop_ms ?? 0)
    expect(waiting).toBeLessThanOrEqual(Math.max(0, part.self_ms - cpu) + 0.001)
    expect(cpu).toBeLessThan(part.self_ms + 300)
  }
  // What the waiter waited for is not told again of the span around it.
  expect(of('outer')?.loop_ms).toBeLessThan(200)

  const text = (await runCli(['trace', '--dir', run.perfDir])).stdout
  expect(text).toMatch(/where the time went +self +cpu .*loop +blocks/)
  expect(text).toContain('* of the whole process')
  expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThanOrEqual(80)
})
