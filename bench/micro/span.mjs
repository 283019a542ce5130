// One span on the app thread, and a wrapper that has nothing to do, on the Node that runs this. Prints JSON: raw ns per call.
import { createRequire } from 'node:module'
import { do_not_optimize as keep, measure } from 'mitata'

const [subjectFile, repeats] = process.argv.slice(2)
const { MAIN_RING, Ring, Recorder, runWith, seedIds, span: apiSpan, wrapLog, wrapTarget } = createRequire(import.meta.url)(subjectFile)

const ringReadPosition = 4
const ringWritePosition = 3

seedIds()
const ring = new Ring(MAIN_RING, 0)
const recorder = new Recorder(ring, { payloadChars: 0, captureFlag: 0, sampleRate: 1 })
const runtime = {
  recorder,
  recording: true,
  stampsLogs: false,
  parseTraceparent: () => undefined,
  allowsPropagation: () => false,
  fault: '',
}
const module = { name: 'bench', version: '1.0.0' }

const spanCount = () => ring.header[16]
const droppedCount = () => ring.header[17]

const wrap = (fn, settles, attributes) =>
  wrapTarget(
    fn,
    {
      type: 'target',
      path: 'fn',
      versions: '*',
      settles,
      start: ({ args: [n] }) => ({ name: 'GET', kind: 'client', attributes: attributes?.(n) }),
    },
    'db',
    'bench',
    module,
    runtime,
  )
const redisLike = () => ({ 'db.system.name': 'redis', 'db.operation.name': 'GET', 'server.address': '127.0.0.1', 'server.port': 6379 })

// Each wrapper has a function of its own: the wrapper of a function is made once.
const work = [0, 1, 2, 3].map(() => (n) => n + 1)
const asyncWork = [0, 1].map(() => async (n) => n + 1)
const wrapped = wrap(work[1], 'return')
const wrappedWithAttributes = wrap(work[2], 'return', redisLike)
const wrappedPromise = wrap(asyncWork[1], 'promise', redisLike)
const idle = wrap(work[3], 'return', redisLike)

// Several functions, so that nothing is folded away: the call stays one.
const bodies = [() => 1, () => 2, () => 3, () => 4]
let turn = 0

// As pino does: text in, the text of a line out.
const logWork = [0, 1].map(
  () => (message) => `{"level":30,"time":1795255200123,"pid":4711,"user":42,"route":"/orders/:id","msg":"${message}"}\n`,
)
const wrappedLog = wrapLog(
  logWork[1],
  { type: 'log', path: 'fn', versions: '*', line: ({ args: [message] }, text) => ({ level: 'info', message, fields: text }) },
  'bench',
  module,
  runtime,
)

let calls = 0
let expectedSpans = 0
/** Takes what was written, as the writer thread would, before the ring is full. */
function drainNowAndThen(isSpan = true) {
  if (isSpan) expectedSpans += 1
  if ((++calls & 255) === 0) Atomics.store(ring.header, ringReadPosition, ring.header[ringWritePosition])
}

const cases = {
  'a plain call': { run: () => keep(work[0](1)) },
  'a call in a span': { records: true, run: () => (drainNowAndThen(), keep(wrapped(1))) },
  'a call in a span, four attributes': { records: true, run: () => (drainNowAndThen(), keep(wrappedWithAttributes(1))) },
  'a call in a span, four attributes, inside another span': {
    records: true,
    inSpan: true,
    run: () => (drainNowAndThen(), wrappedWithAttributes(1)),
  },
  'an awaited call': { run: async () => await asyncWork[0](1) },
  'an awaited call in a span, four attributes': { records: true, run: async () => (drainNowAndThen(), await wrappedPromise(1)) },
  'a line of a log': { run: () => keep(logWork[0]('order 17 was paid')) },
  'a line of a log, recorded': { inSpan: true, run: () => (drainNowAndThen(false), keep(wrappedLog('order 17 was paid'))) },
  'a wrapped call, recording off': { off: true, run: () => keep(idle(1)) },
  'span() of the API without the agent': { run: () => keep(apiSpan('bench', bodies[++turn & 3])) },
}

const nanoseconds = Object.fromEntries(Object.keys(cases).map((name) => [name, []]))
// Batches so large that each has its share of garbage collection; the median over them leaves out what else the machine did.
const options = {
  min_cpu_time: 100e6,
  min_samples: 15,
  batch_samples: 65_536,
  warmup_threshold: Infinity,
  batch_threshold: Infinity,
}
for (let repeat = 0; repeat < Number(repeats); repeat += 1) {
  const names = repeat % 2 === 0 ? Object.keys(cases) : Object.keys(cases).reverse()
  for (const name of names) {
    const { run, off, records, inSpan } = cases[name]
    runtime.recording = !off
    const [before, expectedBefore] = [spanCount(), expectedSpans]
    const parent = inSpan ? recorder.start('parent', 'http', 'bench', 'server', undefined, undefined) : undefined
    const { p50 } = await (parent ? runWith(parent, () => measure(run, options), undefined, []) : measure(run, options))
    if (parent) recorder.end(parent, false)
    assertRecorded(name, spanCount() - before - (parent ? 1 : 0), records ? expectedSpans - expectedBefore : 0)
    nanoseconds[name].push(p50)
  }
}
if (ring.header[28] !== 0) throw new Error(`${ring.header[28]} lines of logs dropped`)
if (droppedCount() !== 0) throw new Error(`${droppedCount()} spans dropped`)
process.stdout.write(JSON.stringify({ node: process.version, nanoseconds }))

function assertRecorded(name, recorded, expected) {
  if (recorded !== expected) throw new Error(`"${name}": ${recorded} spans recorded, ${expected} expected`)
}
