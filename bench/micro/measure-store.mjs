import { execFile } from 'node:child_process'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { median } from '../statistics.mjs'
import { bundleSubject, bundleSyncWorker } from './subject.mjs'

const cache = fileURLToPath(new URL('../../.cache/bench-micro', import.meta.url))
const session = 'bench_20260101-000000_0000'

const storing = {
  'src/core/clock.ts': ['nowNs'],
  'src/core/ids.ts': ['seedIds'],
  'src/core/recorder.ts': ['Recorder'],
  'src/core/ring.ts': ['Ring', 'MAIN_RING'],
  'src/store/hot/ring-reader.ts': ['RingReader'],
  'src/store/hot/write.ts': ['HotStore'],
  'src/writer/block-builder.ts': ['BlockBuilder'],
  'src/writer/payloads.ts': ['PayloadStore'],
  'src/writer/redaction-rules.ts': ['loadRedactor'],
  'src/writer/session-folder.ts': ['createSessionFolder', 'processMeta'],
}
const reading = {
  'src/store/analytics/sync.ts': ['syncSession'],
  'src/store/query.ts': ['openSession'],
  'src/store/session.ts': ['readSession'],
}

/**
 * Fills a ring again and again, stores it as the writer does, syncs it into DuckDB and queries it; each session in fresh processes.
 * @param {{ spans: number, smallSpans: number, repeats: number, queryRepeats: number, report: (what: string) => void }} options
 * @returns raw values: per repeat what `store.mjs` and `sync-and-query.mjs` print
 */
export async function measureStore({ spans, smallSpans, repeats, queryRepeats, report }) {
  const subjects = { storing: await bundleSubject('storing', storing), reading: await bundleSubject('reading', reading) }
  await bundleSyncWorker()
  const root = await mkdtemp(join(cache, 'run-'))
  const results = { large: [], small: [] }
  try {
    for (let repeat = 0; repeat < repeats; repeat += 1) {
      for (const [size, count] of Object.entries({ large: spans, small: smallSpans })) {
        report(`${count} spans, ring → LMDB → DuckDB → SQL, ${repeat + 1}/${repeats}`)
        const dir = join(root, `${size}-${repeat}`)
        await mkdir(dir)
        const toLmdb = await runScript('store.mjs', subjects.storing, dir, session, count)
        const toDuckdb = await runScript('sync-and-query.mjs', subjects.reading, join(dir, 'sessions', session), queryRepeats)
        results[size].push({ toLmdb, toDuckdb })
        await rm(dir, { recursive: true })
      }
    }
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return results
}

async function runScript(file, ...scriptArguments) {
  const script = fileURLToPath(new URL(file, import.meta.url))
  const { stdout } = await promisify(execFile)(process.execPath, [script, ...scriptArguments.map(String)])
  return JSON.parse(stdout)
}

/** DESIGN.md's rows on the store. */
export function judgeStore({ large, small }) {
  const overRepeats = (sessions, pick) => median(sessions.flatMap(pick))
  const rows = [
    {
      what: 'ring → LMDB',
      unit: 'spans/s',
      atLeast: true,
      limit: 1_000_000,
      value: overRepeats(large, ({ toLmdb }) => toLmdb.spansPerSecond),
    },
    {
      what: 'LMDB → DuckDB',
      unit: 'spans/s',
      atLeast: true,
      limit: 500_000,
      value: overRepeats(large, ({ toDuckdb }) => toDuckdb.spansPerSecond),
    },
    { what: 'disk per span in LMDB', unit: 'bytes', limit: 60, value: overRepeats(large, ({ toLmdb }) => toLmdb.fileBytesPerSpan) },
    { what: 'disk per span in DuckDB', unit: 'bytes', limit: 30, value: overRepeats(large, ({ toDuckdb }) => toDuckdb.bytesPerSpan) },
    {
      what: 'SQL: one span by id, 1 M spans',
      unit: 'ms',
      limit: 1,
      value: overRepeats(large, ({ toDuckdb }) => toDuckdb.queryMs['one span by id']),
    },
    {
      what: 'SQL: p95 by name, 100 k spans',
      unit: 'ms',
      limit: 10,
      value: overRepeats(small, ({ toDuckdb }) => toDuckdb.queryMs['p95 by name']),
    },
    {
      what: 'SQL: p95 by name, 1 M spans',
      unit: 'ms',
      limit: null,
      value: overRepeats(large, ({ toDuckdb }) => toDuckdb.queryMs['p95 by name']),
    },
    { what: 'SQL: scan of 1 M spans', unit: 'ms', limit: 50, value: overRepeats(large, ({ toDuckdb }) => toDuckdb.queryMs.scan) },
  ]
  return rows.map(({ atLeast = false, limit, value, ...row }) => {
    const isMet = limit === null ? null : atLeast ? value >= limit : value <= limit
    return { ...row, node: null, atLeast, limit, value, isMet }
  })
}
