import { describe, expect, it } from 'vitest'
import { auditSession, type AuditResult } from '../../src/analysis/audit/audit-session.ts'
import { DEFAULT_THRESHOLDS } from '../../src/analysis/audit/default-thresholds.ts'
import type { Threshold } from '../../src/analysis/audit/threshold.ts'
import { recordingOf, type Node } from '../support/recording.ts'

const query = (ms: number, rest: Partial<Node> = {}): Node => ({ name: 'SELECT * FROM items', layer: 'db', ms: [1, 1 + ms], ...rest })
const request = (ms: number, children: Node[] = [], rest: Partial<Node> = {}): Node => ({
  name: 'GET /orders', layer: 'http', ms: [0, ms], children, attributes: { 'http.request.method': 'GET', 'http.route': '/orders' }, ...rest,
}) // prettier-ignore
const audit = async (traces: Node[], ...thresholds: Threshold[]): Promise<AuditResult> =>
  await auditSession(await recordingOf(traces), thresholds)
const currents = ({ checks }: AuditResult): unknown[] => checks.map(({ current, status }) => [current, status])

describe('thresholds', () => {
  it('hold a name, a layer as a whole, and the traces of the session', async () => {
    const traces = [request(100, [query(10), query(30)]), request(200, [query(50)])]
    expect(
      currents(
        await audit(
          traces,
          { layer: 'db', name: 'SELECT*', metric: 'max_ms', max: 50 },
          { layer: 'db', name: 'SELECT*', metric: 'max_ms', max: 49 },
          { layer: 'db', metric: 'mean_ms', max: 30 },
          { metric: 'p50_ms', max: 149, level: 'warn' },
          { metric: 'calls_per_trace', max: 3 },
          { layer: 'db', metric: 'calls_per_trace', max: 1 },
          { name: '*', layer: 'db', metric: 'total_ms', max: 90 },
          { layer: 'db', metric: 'calls', min: 4 },
        ),
      ),
    ).toEqual([
      [50, 'ok'],
      [50, 'fail'],
      [30, 'ok'],
      [150, 'warn'],
      [3, 'ok'],
      [2, 'fail'],
      [90, 'ok'],
      [3, 'fail'],
    ])
  })

  it('tell the violation with its traces, its place and a stable id', async () => {
    const traces = [request(100, [query(10)]), request(400, [query(300)])]
    const threshold: Threshold = { layer: 'db', name: 'SELECT*', metric: 'max_ms', max: 100 }
    const [violation] = (await audit(traces, threshold)).violations
    expect(violation).toMatchObject({
      id: expect.stringMatching(/^audit-[0-9a-f]{8}$/) as string,
      rule: 'db SELECT* max_ms',
      level: 'fail',
      subject: { layer: 'db', name: 'SELECT * FROM items', metric: 'max_ms' },
      current: 300,
      target: 100,
      bound: 'max',
      unit: 'ms',
      calls: 2,
      traces: ['00000000000000070000000000000002', '00000000000000070000000000000001'],
      next_command: 'perf-agent trace 000000000000',
    })
    const [tighter] = (await audit(traces, { ...threshold, id: 'mine', max: 50 })).violations
    expect(tighter?.id).toBe(violation?.id)
  })

  it('are told once for a subject with two limits: the one that fails', async () => {
    const limits: Threshold[] = [
      { layer: 'db', metric: 'max_ms', max: 10, level: 'warn' },
      { layer: 'db', metric: 'max_ms', max: 20 },
    ]
    const { checks, violations } = await audit([request(100, [query(30)])], ...limits)
    expect(checks.map(({ status }) => status)).toEqual(['warn', 'fail'])
    expect(violations).toMatchObject([{ level: 'fail', target: 20 }])
  })

  it('count failures, and show traces of those', async () => {
    const traces = [request(100), request(50, [], { error: '500' }), request(90), request(80)]
    const { checks, violations } = await audit(
      traces,
      { layer: 'http', name: 'GET *', kind: 'server', metric: 'error_rate', max: 0.2 },
      { layer: 'http', metric: 'success_rate', min: 0.75 },
    )
    expect(checks).toMatchObject([{ current: 0.25, status: 'fail' }, { current: 0.75, status: 'ok' }]) // prettier-ignore
    expect(violations).toMatchObject([{ traces: ['00000000000000070000000000000002'] }])
  })

  it('weigh sampled calls: percentiles, rates, counts', async () => {
    // Nine calls of 10 ms stand for 9, one of 100 ms for 91.
    const traces = [...Array.from({ length: 9 }, () => request(10)), request(100, [], { weight: 91, error: '500' })]
    const { checks } = await audit(
      traces,
      { layer: 'http', metric: 'p50_ms', max: 99 },
      { layer: 'http', metric: 'error_rate', max: 0.9 },
      { layer: 'http', metric: 'calls', max: 100 },
      { layer: 'http', metric: 'mean_ms', max: 91.9 },
    )
    expect(checks.map(({ current, status }) => [Number(current?.toFixed(6)), status])).toEqual([
      [100, 'fail'],
      [0.91, 'fail'],
      [100, 'ok'],
      [91.9, 'ok'],
    ])
  })

  it('read tokens, cost, caches, metrics of the process, findings and any SQL', async () => {
    const chat: Node = {
      name: 'chat gpt-4o', layer: 'ai', ms: [0, 90],
      attributes: { 'gen_ai.request.model': 'gpt-4o', 'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 20, 'perf.ai.cost_usd': 0.5 },
    } // prettier-ignore
    const reader = await recordingOf([request(2000, [chat]), request(2000, [chat])], {
      insert: [
        `INSERT INTO store.metrics BY NAME (SELECT 1 AS process, 1000000000 AS time_ns, 'perf.memory.heap.used' AS name, 52428800.0 AS value)`,
        `INSERT INTO store.metrics BY NAME (SELECT 1 AS process, 1000000000 AS time_ns, 'nodejs.eventloop.delay.max' AS name, 0.25 AS value)`,
      ],
    })
    const { checks, violations } = await auditSession(reader, [
      { layer: 'ai', metric: 'tokens', max: 240 },
      { metric: 'input_tokens_per_call', max: 100 },
      { name: 'chat*', metric: 'cost_usd', max: 0.99 },
      { metric: 'heap_peak_mb', max: 50 },
      { metric: 'event_loop_delay_max_ms', max: 200, level: 'warn' },
      { metric: 'rss_peak_mb', max: 200 },
      { metric: 'findings', severity: 'high', name: 'slow-*', max: 0 },
      { sql: `SELECT count(*), trace_id FROM spans WHERE layer = 'ai' GROUP BY trace_id ORDER BY trace_id`, max: 0, id: 'no-ai' },
      { name: 'my cache', metric: 'cache_hit_rate', min: 0.5 },
      { layer: 'http', metric: 'self_cpu_ms', max: 1 },
    ])
    expect(checks.map(({ rule, current, status }) => [rule, current, status])).toEqual([
      ['ai tokens', 240, 'ok'],
      ['input_tokens_per_call', 100, 'ok'],
      ['chat* cost_usd', 1, 'fail'],
      ['heap_peak_mb', 50, 'ok'],
      ['event_loop_delay_max_ms', 250, 'warn'],
      ['rss_peak_mb', null, 'no data'],
      ['slow-* high findings', 1, 'fail'],
      ['no-ai', 1, 'fail'],
      ['my cache cache_hit_rate', null, 'no data'],
      ['http self_cpu_ms', null, 'no data'],
    ])
    expect(violations.find(({ rule }) => rule === 'no-ai')?.traces).toEqual([
      '00000000000000070000000000000001',
      '00000000000000070000000000000002',
    ])
    expect(checks[9]?.reason).toMatch(/PERF_CPU/)
  })

  it('read the hit rate of a cache', async () => {
    const get = (hit: boolean): Node => ({ name: 'get', layer: 'cache', ms: [1, 2], attributes: { 'perf.cache.name': 'prices', 'perf.cache.operation': 'get', 'perf.cache.hit': hit } }) // prettier-ignore
    const { checks } = await audit(
      [request(10, [get(true), get(false), get(false), get(false)])],
      { name: 'prices', metric: 'cache_hit_rate', min: 0.5 },
      { metric: 'cache_hit_rate', min: 0.25 },
    )
    expect(checks.map(({ current, calls, status }) => [current, calls, status])).toEqual([
      [0.25, 4, 'fail'],
      [0.25, 4, 'ok'],
    ])
  })

  it('say so where there is too little data, and where nothing fits', async () => {
    const { checks, violations } = await audit(
      [request(100)],
      { layer: 'http', metric: 'p95_ms', max: 1, min_calls: 20 },
      { layer: 'tool', metric: 'p95_ms', max: 1 },
    )
    expect(violations).toEqual([])
    expect(checks).toMatchObject([
      { status: 'no data', reason: '1 of 20 calls it takes to tell' },
      { status: 'no data', reason: 'nothing in the session fits it' },
    ])
  })

  it('have patterns in which a backslash takes the meaning from * and ?', async () => {
    const named = (name: string): Node => ({ name, layer: 'db', ms: [0, 10] })
    const limit = (name: string): Threshold => ({ name, layer: 'db', metric: 'calls', max: 0 })
    const { violations } = await audit([named('SELECT * FROM a'), named('SELECT x FROM a'), named('a_b%')], limit('SELECT \\* FROM a'))
    expect(violations.map(({ subject }) => subject.name)).toEqual(['SELECT * FROM a'])
    const asOne = { ...limit('a_b%'), per: 'session' as const }
    expect((await audit([named('a_b%'), named('axbc')], asOne)).violations).toMatchObject([{ current: 1 }])
  })

  it('refuse SQL that gives no number, naming the place', async () => {
    await expect(audit([request(1)], { sql: `SELECT 'x'`, max: 1 })).rejects.toThrow(
      /thresholds\[0\]\.sql: the first column must be a number/,
    )
    await expect(audit([request(1)], { sql: 'SELECT nothing', max: 1 })).rejects.toThrow(/thresholds\[0\]\.sql: .*nothing/)
  })

  it('that are built in are silent about a service that is well', async () => {
    const well = Array.from({ length: 30 }, () => request(100, [query(10)]))
    const { violations } = await audit(well, ...DEFAULT_THRESHOLDS.filter(({ metric }) => metric !== 'findings'))
    expect(violations).toEqual([])
    const ill = Array.from({ length: 30 }, (_, i) => request(1500, [query(10)], i < 3 ? { error: '500' } : {}))
    expect((await audit(ill, ...DEFAULT_THRESHOLDS)).violations.map(({ rule }) => rule)).toEqual(
      expect.arrayContaining(['requests-fail', 'slow-requests']),
    )
  })
})
