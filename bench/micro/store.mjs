// Ring → LMDB, as the writer thread does it, with the app's part (filling the ring) not in the figure. Leaves a session folder of
// `spans` spans under `dir`. Prints JSON.
import { createRequire } from 'node:module'
import { readdirSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'

const [subjectFile, dir, session, wantedSpans] = process.argv.slice(2)
const {
  BlockBuilder,
  createSessionFolder,
  HotStore,
  loadRedactor,
  MAIN_RING,
  nowNs,
  PayloadStore,
  processMeta,
  Recorder,
  Ring,
  RingReader,
  seedIds,
} = createRequire(import.meta.url)(subjectFile)

const spansPerRequest = 5
const routes = ['/items/:id', '/orders/:id', '/users/:id/orders', '/search', '/health', '/carts/:id', '/carts/:id/items', '/login']
const queries = [
  'SELECT id, name, price FROM items WHERE id = $1',
  'SELECT id, total FROM orders WHERE user_id = $1 ORDER BY created_at DESC LIMIT 20',
  'SELECT count(*) FROM carts WHERE user_id = $1 AND closed_at IS NULL',
]
const pgAttributes = {
  'db.system.name': 'postgresql',
  'db.namespace': 'test',
  'server.address': '127.0.0.1',
  'server.port': 5432,
  'db.operation.name': 'SELECT',
}
const redisAttributes = { 'db.system.name': 'redis', 'db.namespace': '0', 'server.address': '127.0.0.1', 'server.port': 6379 }
const info = {
  instance: '00000000000000be',
  parentInstance: null,
  session,
  sessionDir: join(dir, 'sessions', session),
  service: 'bench',
  pid: process.pid,
  ppid: process.ppid,
  argv: ['node', 'app.js'],
  execArgv: [],
  cwd: dir,
  node: process.version,
  platform: process.platform,
  arch: process.arch,
  host: hostname(),
  agent: 'bench',
  startedAt: new Date().toISOString(),
  startNs: nowNs(),
}

seedIds()
const ring = new Ring(MAIN_RING, 0)
const recorder = new Recorder(ring, { payloadChars: 0, captureFlag: 0, sampleRate: 1 })
const { redactor } = loadRedactor([], dir)
const reader = new RingReader(ring.memory)
const builder = new BlockBuilder(reader, redactor, new PayloadStore(() => Buffer.alloc(32), 'off', redactor))
createSessionFolder(info, {}, redactor)
const store = new HotStore(info.sessionDir, info.instance)
store.putMeta('process', processMeta(info, {}, redactor))

let spans = 0
let storedNs = 0
let batches = 0
let storedCpuUs = 0
while (spans < Number(wantedSpans)) {
  // About a quarter of the ring: what 25 ms at a million spans a second leave.
  for (let request = 0; request < 1500; request += 1) spans += recordRequest(spans / spansPerRequest)
  const cpu = process.cpuUsage()
  const from = process.hrtime.bigint()
  drain()
  storedNs += Number(process.hrtime.bigint() - from)
  const { user, system } = process.cpuUsage(cpu)
  storedCpuUs += user + system
  batches += 1
}
store.putMeta('end', { wallMs: Date.now(), monoNs: nowNs(), code: 0, reason: 'exit' })

const written = ring.header[16]
const dropped = ring.header[17]
if (written !== spans || dropped !== 0) throw new Error(`${spans} spans made, ${written} written, ${dropped} dropped`)
process.stdout.write(
  JSON.stringify({
    node: process.version,
    spans,
    batches,
    spansPerSecond: spans / (storedNs / 1e9),
    cpuUsPerSpan: storedCpuUs / spans,
    usedBytesPerSpan: store.usedBytes() / spans,
    fileBytesPerSpan: folderBytes(store.folder) / spans,
  }),
)

/** One tick of the writer thread. */
function drain() {
  const blocks = []
  for (let next = builder.next(blocks.length === 0); next !== undefined; next = builder.next(false)) {
    next.release()
    blocks.push(next.block)
  }
  store.commit(blocks, [], { wallMs: Date.now(), monoNs: nowNs() })
}

/** A request with two SQL and two Redis calls, with the attributes the integrations write. */
function recordRequest(number) {
  const route = routes[number % routes.length]
  const server = recorder.start(`GET ${route}`, 'http', 'http-server', 'server', undefined, undefined)
  recordCall(
    server,
    'SELECT items',
    'db',
    'pg',
    { ...pgAttributes, 'db.query.text': queries[number % queries.length] },
    { 'db.response.returned_rows': number % 20 },
  )
  recordCall(server, 'SET', 'db', 'ioredis', { ...redisAttributes, 'db.operation.name': 'SET' })
  recordCall(
    server,
    'SELECT orders',
    'db',
    'pg',
    { ...pgAttributes, 'db.query.text': queries[(number + 1) % queries.length] },
    { 'db.response.returned_rows': 1 },
  )
  recordCall(server, 'GET', 'db', 'ioredis', { ...redisAttributes, 'db.operation.name': 'GET' })
  recorder.end(server, number % 100 === 0, {
    'http.request.method': 'GET',
    'http.route': route,
    'url.path': `/items/${number}`,
    'http.response.status_code': number % 100 === 0 ? 500 : 200,
  })
  return spansPerRequest
}

function recordCall(parent, name, layer, integration, attributes, endAttributes) {
  recorder.end(recorder.start(name, layer, integration, 'client', attributes, parent), false, endAttributes)
}

function folderBytes(folder) {
  return readdirSync(folder).reduce((total, file) => total + statSync(join(folder, file)).blocks * 512, 0)
}
