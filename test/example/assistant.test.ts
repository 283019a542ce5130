// The example as `npm start` runs it: every answer is checked by its own traffic, and its recording is one tree for each request.
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { installMissing } from '../../scripts/install.mjs'
import { cliFile, runCli } from '../support/cli.ts'
import { nodeBinary, repositoryRoot } from '../support/node-under-test.ts'
import { describeWithService, postgres, redis } from '../support/services.ts'

const example = path.join(repositoryRoot, 'examples', 'assistant')

describe('with what it brings along', () => checkExample({}))

await describeWithService(postgres, 'with PostgreSQL', () =>
  describeWithService(redis, 'and Redis', () =>
    checkExample({
      DATABASE_URL: `postgres://${postgres.env['PGUSER'] ?? ''}@${postgres.host}:${postgres.port}/${postgres.env['PGDATABASE'] ?? ''}`,
      REDIS_URL: `redis://${redis.host}:${redis.port}`,
    }),
  ),
)

function checkExample(services: Record<string, string>): void {
  const perfDir = mkdtempSync(path.join(os.tmpdir(), 'perf-test-example-'))
  const rows = async <T>(query: string): Promise<T[]> => {
    const { stdout, stderr } = await runCli(['sql', '--json', '--dir', perfDir, query])
    expect(stderr).toBe('')
    return JSON.parse(stdout) as T[]
  }

  beforeAll(async () => {
    installMissing(example)
    const env = { ...process.env, ...services, PERF_DIR: perfDir, PERF_TOOLS: 'src/tools/**#*|!priceOf' }
    const service = [cliFile(), 'run', '--service', 'assistant', '--', nodeBinary(), 'src/server.js']
    const child = spawn(process.execPath, ['src/traffic.js', '--', process.execPath, ...service], { cwd: example, env })
    const [said, status] = await Promise.all([text(child.stderr), new Promise((resolve) => child.once('close', resolve))])
    expect([status, said]).toEqual([0, expect.stringContaining('every answer as expected')])
  })
  afterAll(() => rmSync(perfDir, { recursive: true, force: true }))

  it('records every request under its route, and nothing twice', async () => {
    const requests = await rows(`SELECT route, count(*)::INT AS n FROM requests WHERE direction = 'in' GROUP BY route ORDER BY route`)
    expect(requests).toEqual([
      { route: '/admin/shutdown', n: 1 },
      { route: '/chat', n: 58 },
      { route: '/chat/stream', n: 27 },
      { route: '/customers/:id/orders', n: 18 },
      { route: '/embed', n: 16 },
      { route: '/health', n: 5 },
      { route: '/invoices/:id', n: 21 },
      { route: '/orders/:id', n: 47 },
      { route: '/orders/:id/explain', n: 8 },
    ])
  })

  it('puts each tool below its request, and what a tool did below the tool', async () => {
    const tools =
      await rows(`SELECT t.name AS tool, p.name AS parent, count(*)::INT AS n FROM spans t JOIN spans p ON p.span_id = t.parent_id
      WHERE t.layer = 'tool' GROUP BY ALL ORDER BY ALL`)
    expect(tools).toEqual([
      { tool: 'checkWeather', parent: 'POST /chat', n: 16 },
      { tool: 'lookupOrder', parent: 'GET /chat/stream', n: 8 },
      { tool: 'lookupOrder', parent: 'POST /chat', n: 26 },
      { tool: 'quoteShipping', parent: 'POST /chat', n: 12 },
    ])
    const below =
      await rows(`SELECT t.name AS tool, c.layer, count(DISTINCT t.span_id)::INT AS n FROM spans t JOIN spans c ON c.parent_id = t.span_id
      WHERE t.layer = 'tool' AND c.name NOT LIKE 'pool%' AND c.layer <> 'net' GROUP BY ALL ORDER BY ALL`)
    expect(below).toEqual([
      { tool: 'checkWeather', layer: 'http', n: 16 },
      { tool: 'lookupOrder', layer: 'db', n: 34 },
    ])
  })

  it('records AI calls with tokens and cost, the ends of their streams, refused and broken ones', async () => {
    const [calls] = await rows(`SELECT count(*) FILTER (cost_usd > 0)::INT AS priced, count(*) FILTER (status = 'error')::INT AS failed,
      count(*) FILTER (first_token_ms > 0)::INT AS streamed FROM ai_calls`)
    expect(calls).toMatchObject({ failed: 4 })
    expect(calls as { priced: number }).toSatisfy(({ priced }: { priced: number }) => priced > 100)
    expect(calls as { streamed: number }).toSatisfy(({ streamed }: { streamed: number }) => streamed >= 27)
    const ends = await rows(
      `SELECT DISTINCT attributes->>'perf.stream.end' AS stream_end FROM ai_calls WHERE stream_end IS NOT NULL ORDER BY 1`,
    )
    expect(ends).toEqual([{ stream_end: 'abort' }, { stream_end: 'complete' }, { stream_end: 'error' }])
    const retried = await rows(`SELECT count(*)::INT AS n FROM requests WHERE direction = 'out' AND status_code = 429`)
    expect(retried).toEqual([{ n: 4 }])
  })

  it('loses nothing, leaves nothing open, counts no fault', async () => {
    expect(await rows(`SELECT name FROM counters WHERE name <> 'spans_written' AND value > 0`)).toEqual([])
    expect(await rows(`SELECT name FROM spans WHERE status = 'open'`)).toEqual([])
  })

  it('is explained by the report', async () => {
    const { stdout, code } = await runCli(['report', '--dir', perfDir])
    expect(code).toBe(0)
    for (const heading of ['Where the time went', 'Slowest traces', 'Endpoints', 'AI calls', 'Slow queries', 'Errors'])
      expect(stdout).toContain(heading)
    expect(stdout).toMatch(/error-group-\w+/)
    expect(stdout.split('\n').filter((line) => line.length > 80)).toEqual([])
    const findings = await runCli(['findings', '--dir', perfDir])
    expect(findings.stdout).toContain('FROM assistant.order_items')
  })
}
