// Is `perf-agent compare` right? Counts false alarms between the halves of recordings in which nothing changed, and true ones where something did:
//   node bench/analysis/compare.mjs [repeats, default 200]
import { buildSync } from 'esbuild'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { describeRun, describeRunInOneLine } from '../machine.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../..')
const repeats = Number(process.argv[2] ?? 200)
const { compareSamples, adjustComparisons, seededRandom, latencies } = await load()
const KINDS = {
  lognormal: latencies.lognormal,
  bimodal: latencies.bimodal,
  'autocorrelated 0.5': latencies.autocorrelated(0.5),
  'autocorrelated 0.8': latencies.autocorrelated(0.8),
  'autocorrelated 0.95': latencies.autocorrelated(0.95),
  'calls of one trace alike': latencies.clustered,
  'sampled, weights 1 and 5': latencies.sampled,
}
const COUNTS = [40, 80, 200, 1000, 4000]

console.log(describeRunInOneLine(describeRun()))
let failed = false

console.log(`\nFalse alarms between the halves of ${repeats} recordings, by calls in a recording (budget 5 %)`)
for (const [name, kind] of Object.entries(KINDS)) {
  const shares = COUNTS.map((count) => {
    const share = alarms(name, kind, count, repeats, 1)
    if (share <= 0.05) return percent(share)
    // Of 35 figures some exceed by chance what they are in truth: those are measured again, on others and more.
    const surer = alarms(name, kind, count, repeats * 5, 2)
    if (surer > 0.05) failed = true
    return `${percent(share)} (${percent(surer)} of ${repeats * 5})`
  })
  console.log(`  ${name.padEnd(26)} ${COUNTS.map((count, i) => `${count}: ${shares[i]}`.padEnd(13)).join('')}`)
}

const many = repeats
const recordings = times(many, (i) => someClaim(seededRandom(100 + i), () => 1))
console.log(`\nAny false alarm among the 50 names of a recording, halves of ${many}: ${percent(recordings / many)} (budget 5 %)`)
if (recordings / many > 0.05) failed = true

console.log(`\nFound, of ${repeats} true changes, by calls on each side`)
for (const [name, kind, change] of [
  ['lognormal', KINDS.lognormal, 1.2],
  ['lognormal', KINDS.lognormal, 1.1],
  ['bimodal', KINDS.bimodal, 1.2],
  ['autocorrelated 0.5', KINDS['autocorrelated 0.5'], 1.2],
]) {
  // prettier-ignore
  const shares = [100, 500, 2000].map((count) => {
    const random = seededRandom(2)
    const found = times(repeats, () => compareSamples(kind(random, count), kind(random, count, change)).verdict === 'slower') / repeats
    if (name === 'lognormal' && change === 1.2 && count === 500 && found < 0.95) failed = true
    return `${count}: ${percent(found)}`
  })
  console.log(`  ${`${name} +${Math.round((change - 1) * 100)} %`.padEnd(26)} ${shares.map((text) => text.padEnd(13)).join('')}`)
}

const exact = times(many, (i) => onlyOne(seededRandom(500 + i)))
console.log(`\nOne of 50 names takes twice as long, 200 calls on each side: the only one claimed in ${percent(exact / many)} of ${many}`)
if (exact / many < 0.9) failed = true

const random = seededRandom(3)
const sides = [KINDS.lognormal(random, 5000), KINDS.lognormal(random, 5000)]
const startedAt = performance.now()
times(20, () => isClaim(compareSamples(...sides)))
console.log(`\n5,000 samples on each side: ${((performance.now() - startedAt) / 20).toFixed(1)} ms`)
process.exitCode = failed ? 1 : 0

function alarms(name, kind, count, recordings, seed) {
  const random = seededRandom(seed)
  const found = times(recordings, () => {
    const all = kind(random, name.startsWith('sampled') ? count * 3 : count)
    return isClaim(compareSamples(all.slice(0, all.length / 2), all.slice(all.length / 2)))
  })
  return found / recordings
}

function someClaim(random, factor) {
  return claims(random, factor).length > 0
}

function onlyOne(random) {
  const claimed = claims(random, (i) => (i === 17 ? 2 : 1), true)
  return claimed.length === 1 && claimed[0] === 17
}

function claims(random, factor, isApart = false) {
  const comparisons = Array.from({ length: 50 }, (_, i) => {
    const kind = Object.values(KINDS)[i % 3]
    if (isApart) return compareSamples(KINDS.lognormal(random, 200), KINDS.lognormal(random, 200, factor(i)))
    const all = kind(random, 400)
    return compareSamples(all.slice(0, 200), all.slice(200))
  })
  return adjustComparisons(comparisons).flatMap((comparison, i) => (isClaim(comparison) ? [i] : []))
}

function isClaim({ verdict }) {
  return verdict === 'slower' || verdict === 'faster'
}

function times(count, happens) {
  let happened = 0
  for (let i = 0; i < count; i++) if (happens(i)) happened++
  return happened
}

function percent(share) {
  return `${(share * 100).toFixed(1)} %`
}

async function load() {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-bench-compare-'))
  const outfile = path.join(folder, 'subject.mjs')
  const contents = `export * from './src/analysis/statistics/compare-samples.ts'; export * from './src/analysis/statistics/random.ts'
    export * as latencies from './test/support/latencies.ts'`
  try {
    buildSync({ stdin: { contents, resolveDir: root }, outfile, bundle: true, platform: 'node', format: 'esm', logLevel: 'error' })
    return await import(pathToFileURL(outfile).href)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
