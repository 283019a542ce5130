// The writer thread once the app has said that it ends.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openHot } from '../../src/store/hot/read.ts'
import { record } from '../support/record.ts'

// A thread that is terminated in the middle of a transaction keeps LMDB's lock, and its own end then waits for that lock: the app hangs.
it('stores nothing any more by itself: no beat, no measurement, no span that is still open', async () => {
  const app = `import { existsSync } from 'node:fs'
import { span } from '@perf/agent/api'
process.on('exit', () => { for (const until = performance.now() + 3000; performance.now() < until;); })
span('first', () => {})
span('open', () => new Promise(() => {}))
const timer = setInterval(() => { if (existsSync('.perf/sessions')) clearInterval(timer) }, 10)
`
  const run = await record({ app })
  expect([run.status, run.stderr]).toEqual([0, ''])
  const folder = path.join(run.sessionDir ?? '', 'hot')
  const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.lmdb'))
  const opened = openHot(path.join(folder, name))
  if (opened.state !== 'open') throw new Error(opened.reason)
  const { hot } = opened
  const [beat, end] = [hot.beat(), hot.end()]
  // Beats come every two seconds: one would have fallen into the three that the listener takes.
  expect((beat?.monoNs ?? 0) - (end?.monoNs ?? Infinity)).toBeLessThan(1e9)
  await hot.close()
})
