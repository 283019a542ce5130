// What PERF_TRIGGERS says, and when triggers fire.
import { describe, expect, it } from 'vitest'
import { COOL_DOWN_MS, TriggerEngine } from '../../src/profiling/trigger-engine.ts'
import { parseTriggers, type ActionRequest } from '../../src/profiling/triggers.ts'

describe('a trigger', () => {
  it.each([
    ['heap>500MB:snapshot', { type: 'heap', bytes: 500 << 20 }, { name: 'snapshot', ms: 0 }],
    ['rss > 1.5 GB : heap-sampling 30s', { type: 'rss', bytes: 1.5 * 1024 ** 3 }, { name: 'heap-sampling', ms: 30_000 }],
    ['growth>64KB:snapshot', { type: 'growth', bytes: 65_536 }, { name: 'snapshot', ms: 0 }],
    ['lag>200ms:cpu 5s', { type: 'lag', ms: 200 }, { name: 'cpu', ms: 5000 }],
    ['span:tool.search>2s:cpu', { type: 'span', name: 'tool.search', ms: 2000 }, { name: 'cpu', ms: 5000 }],
    ['span:GET /a:b > 1m:cpu 500ms', { type: 'span', name: 'GET /a:b', ms: 60_000 }, { name: 'cpu', ms: 500 }],
    ['every 10m:heap-sampling', { type: 'every', ms: 600_000 }, { name: 'heap-sampling', ms: 10_000 }],
    ['every 1000 tool.search:snapshot', { type: 'count', name: 'tool.search', spans: 1000 }, { name: 'snapshot', ms: 0 }],
    ['signal:SIGUSR2:snapshot', { type: 'signal', name: 'SIGUSR2' }, { name: 'snapshot', ms: 0 }],
    ['near-oom:heap-profile', { type: 'near-oom' }, { name: 'heap-profile', ms: 1000 }],
  ])('%s', (text, when, action) => {
    expect(parseTriggers(text)).toEqual({ triggers: [{ text, when, action }], problems: [] })
  })

  it.each([
    ['heap>500MB', "needs an action behind a colon, such as ':snapshot'"],
    ['heap>lots:snapshot', "'lots' is not a size such as 500MB"],
    ['heap>0MB:snapshot', "'0MB' is not a size such as 500MB"],
    ['lag>5:cpu', "'5' is not a time from 20ms on such as 200ms"],
    ['lag>200ms:reboot', "'reboot' is not an action (snapshot, cpu, heap-sampling, heap-profile; a time may follow: 'cpu 5s')"],
    ['lag>200ms:cpu 3h', "'3h' is not a time up to 10m such as 5s"],
    ['every 5ms:cpu', "'every 5ms' needs a time from 1s on such as 10m"],
    ['every 1.5 work:cpu', "'every 1.5' needs a whole number of spans"],
    ['signal:SIGUSR1:snapshot', "SIGUSR1 starts Node's debugger; use SIGUSR2"],
    ['signal:SIGNOPE:snapshot', "'SIGNOPE' is not a signal that can be used (SIGUSR2, SIGHUP, SIGWINCH, …)"],
    ['moon>full:snapshot', "'moon>full' is not a condition"],
    ['constructor:snapshot', "'constructor' is not a condition"],
  ])('%s is refused with a reason, and the others stay', (text, why) => {
    const { triggers, problems } = parseTriggers(`every 1m:cpu; ${text};near-oom:snapshot;`)
    expect(triggers.map((trigger) => trigger.text)).toEqual(['every 1m:cpu', 'near-oom:snapshot'])
    expect(problems).toHaveLength(1)
    expect(problems[0]).toContain(`'${text}': ${why}`)
  })
})

/** An engine whose clock is set by hand; actions end when told to. */
function engineOf(text: string) {
  let now = 0
  const runs: { action: ActionRequest; cause: string; end: (detail: string) => void; fail: (why: string) => void }[] = []
  const notes: Record<string, unknown>[] = []
  const engine = new TriggerEngine({
    triggers: parseTriggers(text).triggers,
    run: async (action, cause) => await new Promise((end, fail) => runs.push({ action, cause, end, fail: (why) => fail(new Error(why)) })),
    note: (fact) => notes.push(fact as unknown as Record<string, unknown>),
    now: () => now,
  })
  const pass = async (ms: number): Promise<void> => {
    now += ms
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { engine, runs, notes, pass }
}

describe('triggers', () => {
  it('fire when their limit is passed, rest while they run and for a minute after they fired', async () => {
    const { engine, runs, notes, pass } = engineOf('heap>100MB:snapshot')
    engine.onMemory({ heapUsed: 99 << 20 })
    expect(runs).toHaveLength(0)
    engine.onMemory({ heapUsed: 101 << 20 })
    engine.onMemory({ heapUsed: 102 << 20 })
    expect(runs).toHaveLength(1)
    await pass(2 * COOL_DOWN_MS)
    engine.onMemory({ heapUsed: 103 << 20 })
    expect(runs).toHaveLength(1)
    runs[0]?.end('taken')
    await pass(0)
    expect(notes).toEqual([{ cause: 'heap>100MB:snapshot', action: 'snapshot', outcome: 'done', detail: 'taken' }])
    engine.onMemory({ heapUsed: 103 << 20 })
    expect(runs).toHaveLength(2)
    runs[1]?.fail('no memory')
    await pass(COOL_DOWN_MS - 1)
    engine.onMemory({ heapUsed: 103 << 20 })
    expect(runs).toHaveLength(2)
    expect(notes.at(-1)).toMatchObject({ outcome: 'refused', detail: 'no memory' })
  })

  it('fire ten times at most, and say so once', async () => {
    const { engine, runs, notes, pass } = engineOf('signal:SIGUSR2:cpu')
    for (let i = 0; i < 15; i++) {
      engine.onSignal('SIGUSR2')
      runs.at(-1)?.end('')
      await pass(1)
    }
    expect(runs).toHaveLength(10)
    expect(notes.filter(({ outcome }) => outcome === 'suppressed')).toEqual([
      { cause: 'signal:SIGUSR2:cpu', action: 'cpu', outcome: 'suppressed', detail: 'it has fired 10 times; no more in this process' },
    ])
  })

  it('measure growth from where they last fired', async () => {
    const { engine, runs, pass } = engineOf('growth>10MB:snapshot')
    for (const megabytes of [50, 55, 61]) engine.onMemory({ heapUsed: megabytes << 20 })
    expect(runs).toHaveLength(1)
    runs[0]?.end('')
    await pass(COOL_DOWN_MS)
    engine.onMemory({ heapUsed: 70 << 20 })
    expect(runs).toHaveLength(1)
    engine.onMemory({ heapUsed: 72 << 20 })
    expect(runs).toHaveLength(2)
  })

  it('know spans, their number, lag, time and the limit of the heap', async () => {
    const { engine, runs, pass } = engineOf('span:a>1s:cpu;every 3 b:snapshot;lag>100ms:cpu;every 2s:cpu;near-oom:heap-profile;rss>1GB:cpu')
    engine.onSpan('a', 999)
    engine.onSpan('other', 5000)
    engine.onSpansEnded('b', 2)
    engine.onLag(99)
    await pass(1999)
    engine.onTime()
    engine.onMemory({ heapUsed: 84, heapLimit: 100, rss: 1 << 30 })
    expect(runs).toEqual([])
    engine.onSpan('a', 1000)
    engine.onSpansEnded('b', 1)
    engine.onLag(100)
    await pass(1)
    engine.onTime()
    engine.onMemory({ heapUsed: 86, heapLimit: 100, rss: (1 << 30) + 1 })
    expect(runs.map(({ cause }) => cause.split(':')[0])).toEqual(['span', 'every 3 b', 'lag>100ms', 'every 2s', 'near-oom', 'rss>1GB'])
  })
})
