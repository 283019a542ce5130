// A recorded app whose hot store outgrows PERF_MAX_BYTES: what is rotated away is counted to the span.
import { readdirSync } from 'node:fs'
import path from 'node:path'
import { expect, it } from 'vitest'
import { openHot } from '../../src/store/hot/read.ts'
import { openSession } from '../../src/store/query.ts'
import { listSessions } from '../../src/store/session.ts'
import { record } from '../support/record.ts'
import { waitFor } from '../support/wait-for.ts'
import { cliFile } from '../support/cli.ts'

const api = path.join(path.dirname(cliFile()), 'api.js')

/** Whether the one process below `perfDir` has rotated something away. */
async function hasRotated(perfDir: string): Promise<boolean> {
  const hot = path.join(listSessions(perfDir)[0]?.folder ?? perfDir, 'hot')
  try {
    const [name] = readdirSync(hot).filter((entry) => entry.endsWith('.lmdb'))
    const opened = openHot(path.join(hot, name ?? ''), { live: true })
    if (opened.state !== 'open') return false
    const rotated = opened.hot.rotated()
    await opened.hot.close()
    return rotated !== undefined
  } catch {
    return false
  }
}

it('PERF_MAX_BYTES rotates the oldest spans away, and stored and rotated together are all there were', async () => {
  let perfDir = ''
  const { stdout } = await record({
    app: `import { existsSync } from 'node:fs'
import { span } from ${JSON.stringify(api)}
let n = 0
const timer = setInterval(() => {
  for (let i = 0; i < 100; i++) span('work', () => n++, { n })
  if (existsSync('stop')) { clearInterval(timer); console.log(n) }
}, 5)`,
    env: { PERF_MAX_BYTES: '100KB' },
    during: async (running) => {
      ;({ perfDir } = running)
      await waitFor('a rotation', () => hasRotated(perfDir))
      running.stop()
    },
  })
  const session = listSessions(perfDir)[0]
  if (session === undefined) throw new Error('no session')
  const reader = await openSession(session)
  const [row] = await reader.rows<{ stored: number; rotated: number }>(
    `SELECT count(*) AS stored, (SELECT sum(value)::BIGINT FROM counters WHERE name = 'spans_rotated') AS rotated FROM spans`,
  )
  reader.close()
  expect(row?.rotated).toBeGreaterThan(0)
  expect((row?.stored ?? 0) + (row?.rotated ?? 0)).toBe(Number(stdout))
})
