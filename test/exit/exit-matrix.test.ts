// Every way in which a program ends by itself: nothing of what it did is lost, and nobody sees a difference.
import { describe, expect, it } from 'vitest'
import { accounted, withAndWithout } from '../support/with-and-without.ts'

/** `work(n)` makes n spans; `warm()` waits until the writer has stored the first ones. */
const HEAD = `import { span } from '@perf/agent/api'
import fs from 'node:fs'
import path from 'node:path'
const work = (n) => { for (let i = 0; i < n; i++) span('work', () => i) }
const stored = () => {
  try {
    const sessions = path.join(process.env.PERF_DIR, 'sessions')
    return fs.readdirSync(sessions).some((name) => fs.readdirSync(path.join(sessions, name, 'hot')).some((file) => file.endsWith('.lmdb')))
  } catch { return false }
}
const isRecording = Symbol.for('perf.agent.v1') in globalThis
const warm = (then) => {
  if (!isRecording || stored()) setTimeout(then, 20)
  else setTimeout(warm, 5, then)
}
`

interface Ending {
  code: string
  status: number
  /** Spans named \`work\`. */
  spans: number
  reason?: 'uncaught'
  esmOnly?: boolean
  mainOnly?: boolean
}

const ENDINGS: Record<string, Ending> = {
  'comes to its natural end': { code: `work(7)`, status: 0, spans: 7 },
  'comes to its natural end with an exit code': { code: `process.exitCode = 6; work(7)`, status: 6, spans: 7 },
  'calls process.exit': { code: `work(7); process.exit(3)`, status: 3, spans: 7 },
  'calls process.exit in a finally': {
    code: `try { work(4); throw new Error('never seen') } finally { work(3); process.exit(4) }`,
    status: 4,
    spans: 7,
  },
  'calls process.exit one tick after its last span': { code: `process.nextTick(() => process.exit(0)); work(7)`, status: 0, spans: 7 },
  'calls process.exit one turn after its last span': { code: `setImmediate(() => process.exit(0)); work(7)`, status: 0, spans: 7 },
  'calls process.exit inside a span': { code: `work(6); span('open', () => { work(1); process.exit(0) })`, status: 0, spans: 7 },
  throws: { code: `work(7); throw new Error('thrown')`, status: 1, spans: 7, reason: 'uncaught' },
  'throws a value that is no error': { code: `work(7); throw null`, status: 1, spans: 7, reason: 'uncaught' },
  'leaves a rejection unhandled': { code: `work(7); Promise.reject(new TypeError('rejected'))`, status: 1, spans: 7, reason: 'uncaught' },
  'survives an error by its own handler': {
    code: `process.on('uncaughtException', (error) => { console.log('caught', error.message); work(3) }); work(4); throw new Error('survived')`,
    status: 0,
    spans: 7,
  },
  'makes spans in its exit listeners': {
    code: `process.on('exit', () => work(3)); process.once('exit', () => work(2)); work(2)`,
    status: 0,
    spans: 7,
  },
  'makes spans in an exit listener after process.exit': {
    code: `process.on('exit', () => work(5)); work(2); process.exit(2)`,
    status: 2,
    spans: 7,
  },
  'throws in an exit listener': {
    code: `process.on('exit', () => { work(5); throw new Error('late') }); work(2)`,
    status: 1,
    spans: 7,
    reason: 'uncaught',
    mainOnly: true,
  },
  'calls process.exit in an exit listener': {
    code: `process.on('exit', () => { work(5); process.exit(9) }); work(2)`,
    status: 9,
    spans: 7,
  },
  'makes spans in beforeExit': {
    code: `process.once('beforeExit', () => { work(2); setTimeout(() => work(3), 1) }); work(2)`,
    status: 0,
    spans: 7,
    mainOnly: true,
  },
  'calls process.reallyExit': { code: `work(7); process.reallyExit(5)`, status: 5, spans: 7, mainOnly: true },
  'waits for what never comes': { code: `work(7); await new Promise(() => {})`, status: 13, spans: 7, esmOnly: true, mainOnly: true },
}

describe.each(['cold', 'warm'] as const)('a %s writer', (writer) => {
  describe.each(['esm', 'cjs'] as const)('a program as %s', (format) => {
    for (const [name, ending] of Object.entries(ENDINGS)) {
      if (ending.esmOnly === true && (format === 'cjs' || writer === 'warm')) continue
      it(`keeps every span when it ${name}`, async () => {
        const run = await withAndWithout({
          app: HEAD + (writer === 'cold' ? ending.code : `span('first', () => 1); warm(() => { ${ending.code} })`),
          format,
        })
        expect(run.status).toBe(ending.status)
        expect(accounted(run, 'work')).toEqual({ recorded: ending.spans, dropped: 0 })
        expect(run.faults).toEqual([])
        const [process] = run.processes
        expect(process?.end).toMatchObject({ code: ending.status, reason: ending.reason ?? 'exit' })
      })
    }
  })

  describe('a worker thread', () => {
    for (const [name, ending] of Object.entries(ENDINGS)) {
      if (ending.mainOnly === true || ending.esmOnly === true) continue
      it(`keeps every span when it ${name}`, async () => {
        const main = `import { Worker } from 'node:worker_threads'
${HEAD}
const start = () => {
  const worker = new Worker(new URL('./worker.js', import.meta.url))
  worker.on('error', (error) => console.log('error', error === null ? 'null' : error.message))
  worker.on('exit', (code) => console.log('worker ended', code))
}
${writer === 'cold' ? 'start()' : `span('first', () => 1); warm(start)`}
`
        const run = await withAndWithout({ app: main, files: { 'worker.js': HEAD + ending.code } })
        expect(run.status).toBe(0)
        expect(run.stdout).toContain(`worker ended ${ending.status}`)
        expect(accounted(run, 'work')).toEqual({ recorded: ending.spans, dropped: 0 })
        expect(run.faults).toEqual([])
      })
    }
  })
})
