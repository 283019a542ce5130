// How long and how much memory it takes to read a heap snapshot of 350 MB, by class, with every reference, and compared with another;
// each in a fresh process, plain and compressed. `node bench/profiling/heap-reader.mjs [records]`
import { build } from 'esbuild'
import { execFileSync } from 'node:child_process'
import { createReadStream, createWriteStream, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'
import zlib from 'node:zlib'
import { describeRun, describeRunInOneLine } from '../machine.mjs'
import { median } from '../statistics.mjs'

const ROUNDS = 3
const BUDGET = { seconds: 2.5, megabytes: 350 }
const records = process.argv[2] ?? '1090000'
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-bench-heap-'))
try {
  await run()
} finally {
  rmSync(folder, { recursive: true, force: true })
}

async function run() {
  console.log(describeRunInOneLine(describeRun()))
  const [large, small] = [path.join(folder, 'large.heapsnapshot'), path.join(folder, 'small.heapsnapshot')]
  const taken = take(large, records)
  take(small, '1000')
  console.log(
    `snapshot: ${megabytes(statSync(large).size)} MB of a heap of ${megabytes(taken.heapBytes)} MB; taking it blocked ${(taken.pauseMs / 1000).toFixed(1)} s and took ${megabytes(taken.extraBytes)} MB more`,
  )
  await pipeline(createReadStream(large), zlib.createGzip({ level: 1 }), createWriteStream(`${large}.gz`))
  if (zlib.createZstdCompress !== undefined)
    await pipeline(
      createReadStream(large),
      zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: 1 } }),
      createWriteStream(`${large}.zst`),
    )
  const program = await bundle()
  await measure('by class', program, ['classes', large], true)
  await measure('every reference and who holds what', program, ['graph', large], true)
  await measure('by class, gzip', program, ['classes', `${large}.gz`])
  if (zlib.createZstdCompress !== undefined) await measure('by class, zstd', program, ['classes', `${large}.zst`])
  await measure('compared with a small one', program, ['diff', small, large])
}

function take(file, count) {
  const app = new URL('heap-snapshot-app.mjs', import.meta.url).pathname
  return JSON.parse(execFileSync(process.execPath, ['--max-old-space-size=4000', app, file, count], { encoding: 'utf8' }))
}

async function bundle() {
  const source = path.join(folder, 'read.ts')
  const from = (file) => JSON.stringify(new URL(`../../src/${file}`, import.meta.url).pathname)
  writeFileSync(
    source,
    `import { readClassTable } from ${from('store/heap/class-table.ts')}
     import { SnapshotGraph } from ${from('store/heap/snapshot-graph.ts')}
     import { RetainerTree } from ${from('store/heap/retainers.ts')}
     import { scanSnapshotFile } from ${from('store/heap/snapshot-file.ts')}
     import { diffHeaps } from ${from('analysis/heap-diff.ts')}
     const [, , what, ...files] = process.argv
     const started = performance.now()
     let seen = 0
     if (what === 'classes') seen = (await readClassTable(files[0])).objects
     else if (what === 'diff') seen = (await diffHeaps(files[0], files[1])).objects_after
     else {
       const graph = new SnapshotGraph()
       await scanSnapshotFile(files[0], graph)
       new RetainerTree(graph.finish())
       seen = graph.nodeCount
     }
     console.log(JSON.stringify({ seconds: (performance.now() - started) / 1000, megabytes: process.resourceUsage().maxRSS / 1024, seen }))`,
  )
  const outfile = path.join(folder, 'read.mjs')
  await build({ entryPoints: [source], outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
  return outfile
}

async function measure(title, program, args, isBudgeted = false) {
  const rounds = Array.from({ length: ROUNDS }, () => JSON.parse(execFileSync(process.execPath, [program, ...args], { encoding: 'utf8' })))
  if (rounds.some(({ seen }) => seen < Number(records) * 4)) throw new Error(`${title}: read ${rounds[0].seen} objects only`)
  const seconds = median(rounds.map((round) => round.seconds))
  const memory = Math.max(...rounds.map((round) => round.megabytes))
  const verdict = !isBudgeted
    ? ''
    : seconds <= BUDGET.seconds && memory <= BUDGET.megabytes
      ? '  (within 2.5 s, 350 MB)'
      : '  (BUDGET 2.5 s, 350 MB)'
  const raw = rounds.map((round) => round.seconds.toFixed(2)).join(' ')
  console.log(`${title}: ${seconds.toFixed(2)} s (${raw}), ${memory.toFixed(0)} MB, ${rounds[0].seen} objects${verdict}`)
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(0)
}
