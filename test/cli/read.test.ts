// What the commands print for recorded sessions, as pipes get it: 80 columns, plain ASCII.
import { mkdirSync, mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { generateSession, serviceBlocks } from '../support/generate-session.ts'
import { RecordWriter } from '../support/record-writer.ts'

let dir: string
const cli = (...args: string[]): ReturnType<typeof runCli> => runCli([...args, '--dir', dir])
const json = async <T>(...args: string[]): Promise<T> => JSON.parse((await cli(...args, '--json')).stdout) as T

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-cli-'))
  const facts = new RecordWriter()
    .fact(2, { name: 'pg', version: '8.11.3', integration: 'pg', status: 'wrapped', reason: '', format: 'cjs', missing: [] })
    .fact(2, {
      name: 'ioredis',
      version: '4.0.0',
      integration: 'ioredis',
      status: 'unsupported',
      reason: 'version 4.0.0 is outside >=5',
      format: 'cjs',
      missing: [],
    })
  const blocks = [...serviceBlocks(100), facts.block({ seq: 1, counters: { spans_written: 800, spans_dropped: 3 } })]
  await generateSession({
    dir,
    name: 'shop_20261121-101500_9f3c',
    instances: [{ blocks }, { blocks: serviceBlocks(5, { startNs: 2e9, seed: 8 }), end: null }],
  })
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('report', () => {
  it('fits in 80 columns of plain ASCII', async () => {
    const { stdout, code, stderr } = await cli('report')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    expect(stdout).toMatch(/^[\n -~]*$/)
    await expect(stdout).toMatchFileSnapshot('snapshots/report.txt')
  })

  it('says what the recording does not hold', async () => {
    const { stdout } = await cli('report')
    expect(stdout).toMatch(
      /Not in this recording\n- spans dropped, the ring was full: 3\n- ioredis 4\.0\.0 unsupported: version 4\.0\.0 is outside >=5\n/,
    )
  })

  it('gives the same as JSON', async () => {
    const data = await json<{
      session: { state: string }
      totals: { spans: number; traces: number }
      layers: { layer: string; count: number; self_ms: number; total_ms: number }[]
    }>('report')
    expect(data.session.state).toBe('crashed')
    expect(data.totals).toMatchObject({ spans: 840, traces: 105, processes: 2 })
    const tool = data.layers.find((layer) => layer.layer === 'tool')
    const ai = data.layers.find((layer) => layer.layer === 'ai')
    // A tool span is busy with its AI call except for the 1.3 ms around it.
    expect(tool?.self_ms).toBeCloseTo((tool?.total_ms ?? 0) - (ai?.total_ms ?? 0), 3)
  })

  it('writes colour and boxes only where asked to', async () => {
    const session = ['report', '--dir', dir]
    expect((await runCli(session, { env: { FORCE_COLOR: '1' } })).stdout).toMatch(/\u001b\[/)
    for (const env of [
      { FORCE_COLOR: '1', NO_COLOR: '1' },
      { FORCE_COLOR: '1', TERM: 'dumb' },
    ]) {
      expect((await runCli(session, { env })).stdout).toMatch(/^[\n -~]*$/)
    }
  })
})

describe('sql', () => {
  it('prints a table, JSON or CSV', async () => {
    const query = `SELECT layer, count(*) AS n, max(attributes->>'none') AS nothing FROM spans WHERE layer IN ('ai', 'tool') GROUP BY layer ORDER BY layer`
    expect((await cli('sql', query)).stdout).toBe('layer    n  nothing\nai     105\ntool   105\n(2 rows)\n')
    expect((await cli('sql', query, '--json')).stdout).toBe(
      '[{"layer":"ai","n":105,"nothing":null},{"layer":"tool","n":105,"nothing":null}]\n',
    )
    expect((await cli('sql', query, '--csv')).stdout).toBe('layer,n,nothing\r\nai,105,\r\ntool,105,\r\n')
  })

  it('reads the query from standard input', async () => {
    expect((await runCli(['sql', '--json', '--dir', dir], { input: 'SELECT 1 AS one' })).stdout).toBe('[{"one":1}]\n')
  })

  it('finds a span and a trace by their ids as people write them', async () => {
    const [span] = await json<{ span_id: string; trace_id: string }[]>('sql', 'SELECT span_id, trace_id FROM spans LIMIT 1 OFFSET 77')
    expect(await json('sql', `SELECT count(*) AS n FROM spans WHERE span_id = '${span?.span_id}'`)).toEqual([{ n: 1 }])
    expect(await json('sql', `SELECT count(*) AS n FROM spans s WHERE s.trace_id IN ('${span?.trace_id}')`)).toEqual([{ n: 8 }])
    expect(
      await json('sql', `WITH x AS (SELECT span_id FROM spans) SELECT count(*) AS n FROM x WHERE span_id = '${span?.span_id}'`),
    ).toEqual([{ n: 1 }])
    expect(await json('sql', `SELECT 'span_id = ''${span?.span_id}''' AS text`)).toEqual([{ text: `span_id = '${span?.span_id}'` }])
  })

  it.each([
    ['SELECT nope FROM spans', /Binder Error: Referenced column "nope" not found/],
    ['SELEC 1', /Parser Error: syntax error at or near "SELEC"/],
    ['', /The query is empty/],
    ['DROP VIEW spans', /read-only mode/],
    ['CREATE TABLE x (i INT)', /read-only mode/],
    [`COPY (SELECT 1) TO '/tmp/x.csv'`, /disabled by configuration/],
    [`ATTACH '/tmp/x.duckdb'`, /disabled by configuration/],
    [`SELECT * FROM read_text('/etc/hostname')`, /disabled by configuration/],
    ['SET enable_external_access = true', /has been locked/],
    ['INSTALL httpfs', /disabled/],
  ])('refuses %j with a reason and exit code 2', async (query, message) => {
    const { code, stdout, stderr } = await cli('sql', query)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n {4}at /)
  })
})

describe('sessions, trace, sync, doctor, config', () => {
  it('lists sessions', async () => {
    expect(await json('sessions')).toMatchObject([
      { session: 'shop_20261121-101500_9f3c', service: 'shop', state: 'crashed', processes: 2, command: ['node', 'app.js'] },
    ])
  })

  it('fits in 80 columns, the head of a trace with errors, too', async () => {
    const [failed] = await json<{ trace_id: string }[]>('sql', "SELECT trace_id FROM spans WHERE status = 'error' LIMIT 1")
    const { stdout } = await cli('trace', failed?.trace_id ?? '')
    expect(stdout).toMatch(/\d+ spans, \d errors?$/m)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
  })

  it('shows a trace by its id, by a span, by the beginning of either, and the slowest', async () => {
    const [span] = await json<{ span_id: string; trace_id: string }[]>(
      'sql',
      `SELECT span_id, trace_id FROM spans WHERE name = 'search' LIMIT 1`,
    )
    for (const id of [span?.trace_id, span?.span_id, span?.trace_id.slice(0, 12)])
      expect((await cli('trace', id ?? '')).stdout).toContain(`trace ${span?.trace_id}`)
    expect(await json('trace')).toMatchObject({
      spans: 8,
      tree: [{ depth: 0, attributes: { 'http.request.method': 'GET' } }, {}, {}, {}, {}, { depth: 2, layer: 'ai' }, {}, {}],
    })
    expect(await cli('trace', 'ffffffffffff')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^perf-agent: No trace or span 'ffffffffffff'/) as string,
    })
  })

  it('syncs once, then has nothing to do', async () => {
    await cli('sync')
    expect((await cli('sync')).stdout).toMatch(/^shop_20261121-101500_9f3c: up to date \(/)
  })

  it('lists packages that were not instrumented and exits with 1', async () => {
    const { code, stdout } = await cli('doctor')
    expect(code).toBe(1)
    expect(stdout).toMatch(/ioredis +4\.0\.0 +cjs +unsupported +version 4\.0\.0 is outside >=5\npg +8\.11\.3 +cjs +wrapped/)
  })

  it('prints every setting, and complains about one that cannot be used', async () => {
    expect((await cli('config')).stdout).toMatch(/PERF_DIR +\.perf/)
    expect(await runCli(['config'], { env: { PERF_CAPTURE: 'everything' } })).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('PERF_CAPTURE=everything') as string,
    })
  })
})

describe('wrong use', () => {
  it.each([
    [['report', '--session', 'nope'], /^perf-agent: No session 'nope'/],
    [['report', '--session', '/nowhere/x'], /^perf-agent: There is no session folder at/],
    [['report', '--limit', '0'], /^perf-agent: --limit needs a whole number above 0/],
    [['reprot'], /^perf-agent: unknown command 'reprot'/],
    [['report', '--nope'], /^perf-agent: unknown option '--nope'/],
    [['trace', 'xyz'], /^perf-agent: 'xyz' is not a trace or span id/],
    [['run'], /^perf-agent: missing required argument/],
  ])('%j gives one sentence and exit code 2', async (args, message) => {
    const { code, stderr } = await runCli(args[0] === 'reprot' ? args : [...args, '--dir', dir])
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })

  it('gives errors as JSON, too', async () => {
    const { stdout, code } = await cli('report', '--session', 'nope', '--json')
    expect({ error: (JSON.parse(stdout) as { error: { code: string } }).error.code, code }).toEqual({ error: 'SESSION_NOT_FOUND', code: 2 })
  })
})

describe('sessions that are not whole', () => {
  let odd: string
  beforeAll(async () => {
    odd = mkdtempSync(path.join(os.tmpdir(), 'perf-odd-'))
    const make = (name: string, rest: Omit<Parameters<typeof generateSession>[0], 'dir'>): Promise<string> =>
      generateSession({ dir: odd, name, ...rest })
    const instances = [{ blocks: serviceBlocks(20) }]
    await make('empty', { instances: [] })
    await make('nothing', { instances: [{ blocks: [] }] })
    await make('nojson', { instances, json: null })
    await make('newer', { instances, json: { format: 9, agent: '9.0.0' } })
    writeFileSync(path.join(await make('database', { instances }), 'session.duckdb'), Buffer.alloc(20_000, 1))
    const data = path.join(await make('cut', { instances }), 'hot', `${'1'.padStart(16, '0')}.lmdb`, 'data.mdb')
    truncateSync(data, 9000)
    utimesSync(data, 1, 1)
    mkdirSync(path.join(odd, 'live'))
    writeFileSync(path.join(odd, 'live', `${process.pid}.json`), JSON.stringify({ instance: 'd'.repeat(16) }))
    await make('live', {
      instances: [
        {
          instance: 'd'.repeat(16),
          ...instances[0],
          blocks: serviceBlocks(20),
          end: null,
          pid: process.pid,
          beat: { wallMs: Date.now() + 5000, monoNs: 1 },
        },
      ],
    })
    mkdirSync(path.join(odd, 'sessions', 'folder'))
    await make('later', { instances })
    await runCli(['sync', '--session', 'later', '--dir', odd])
  })
  afterAll(() => rmSync(odd, { recursive: true, force: true }))

  it.each([
    ['empty', 0, /No process has written anything/],
    ['nothing', 0, /Nothing was recorded: no library the agent knows was called/],
    ['nojson', 0, /160 spans[^]*Note: session\.json is missing/],
    ['newer', 0, /160 spans[^]*Note: written in format 9 by agent 9\.0\.0/],
    ['cut', 0, /Nothing could be read of this session[^]*damaged: truncated: 9000 bytes of/],
    ['live', 0, /^live {2}live\n[^]*160 spans/],
    ['folder', 0, /No process has written anything[^]*$/],
    ['database', 2, /session\.duckdb cannot be opened[^]*perf-agent sync/],
  ])('%s: report ends with %i and a clear sentence', async (session, code, expected) => {
    const result = await runCli(['report', '--session', session, '--dir', odd])
    expect(result.stdout + result.stderr).toMatch(expected)
    expect(result.code).toBe(code)
    expect(result.stderr).not.toMatch(/\n {4}at /)
  })

  it('are all listed', async () => {
    const { stdout, code } = await runCli(['sessions', '--dir', odd])
    expect(code).toBe(0)
    expect(stdout).toMatch(/^cut +unreadable/m)
    expect(stdout).toMatch(/^live +live/m)
    expect(stdout).toMatch(/^empty +empty/m)
  })

  it('a database of a later version is left alone', async () => {
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(path.join(odd, 'sessions', 'later', 'session.duckdb'))
    const connection = await instance.connect()
    await connection.run(`UPDATE store.meta SET value = '99' WHERE key = 'schema_version'`)
    connection.closeSync()
    instance.closeSync()
    const { code, stderr } = await runCli(['report', '--session', 'later', '--dir', odd])
    expect({ code, stderr }).toEqual({ code: 2, stderr: expect.stringMatching(/was synced by a newer version \(schema 99/) as string })
  })
})
