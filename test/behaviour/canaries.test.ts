// Nothing secret on disk with the defaults: a program full of secrets is recorded, synced and reported, and every byte and column is read.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openDatabase } from '../../src/store/analytics/database.ts'
import { decodeBlock } from '../../src/store/codec/decode-block.ts'
import { openHot } from '../../src/store/hot/read.ts'
import { startAnthropicServer } from '../servers/anthropic.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { runCli } from '../support/cli.ts'
import { record, type Format, type Recorded } from '../support/record.ts'
import { describeWithService, postgres, redis } from '../support/services.ts'

const CANARY = 'zq9kcanary'
const PACKAGES = ['express@5.3.0', 'pg@8.23.1', 'ioredis@6.0.0', 'openai@6.49.0', '@anthropic-ai/sdk@1.12.0']
const FORMATS: Format[] = ['esm', 'cjs']
const TOOL = `export async function findCustomer(id) { if (id === '') throw new RangeError('no id'); return { id, balance: process.env.CANARY + 'globresult' } }\n`

const openai = await startOpenAIServer()
const anthropic = await startAnthropicServer()
const quoting = http.createServer(quoteBack).listen(0, '127.0.0.1')
afterAll(() => {
  void openai.close()
  void anthropic.close()
  quoting.close()
  quoting.closeAllConnections()
})

/** An API that repeats in its error what it was sent, as real ones do. */
function quoteBack(request: http.IncomingMessage, response: http.ServerResponse): void {
  if (request.url?.startsWith('/data') === true) return void request.resume().on('end', () => response.end('ok'))
  void text(request).then((body) => {
    const { messages, input } = JSON.parse(body) as { messages?: { content: string }[]; input?: string }
    const asked = messages?.at(-1)?.content ?? input ?? ''
    const message = `Invalid prompt: '${asked}' is not allowed, "${asked}" neither. Incorrect API key provided: ${String(request.headers['authorization'])}.`
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end(
      JSON.stringify({ type: 'error', error: { message, type: 'invalid_request_error', code: 'invalid_prompt', param: 'messages' } }),
    )
  })
}

await describeWithService(postgres, 'nothing secret on disk with the defaults', async () => {
  await describeWithService(redis, 'with PostgreSQL and Redis', () => {
    describe.each(FORMATS)('%s', (format) => {
      let run: Recorded
      beforeAll(async () => {
        run = await record({
          app: 'test/scenarios/canaries.mjs',
          format,
          files: { 'tools/customers.js': TOOL },
          packages: PACKAGES,
          args: ['--database', `postgres://app:${CANARY}argv@db/shop`, '--password', `${CANARY}flag`, `--api-key=${CANARY}inline`],
          env: {
            ...postgres.env, ...redis.env, CANARY, OPENAI_TEST_URL: `${openai.url}/v1`, ANTHROPIC_TEST_URL: anthropic.url,
            QUOTING_URL: `http://127.0.0.1:${(quoting.address() as AddressInfo).port}`, TOOL_FILE: './tools/customers.js', PERF_TOOLS: 'tools/**#*', PERF_CPU: '1ms', PERF_ASYNC: 'on',
            DATABASE_URL: `postgres://app:${CANARY}environment@db/shop`,
          },
        }) // prettier-ignore
      }, 60_000)

      it('runs as the test thinks it does, and is recorded', () => {
        expect([run.status, run.stdout, run.stderr]).toEqual([0, '200\n', ''])
        const layers = new Set(run.spans.map((span) => span.layer))
        expect([...layers]).toEqual(expect.arrayContaining(['ai', 'db', 'function', 'http', 'step', 'tool']))
        expect(run.spans.filter((span) => span.status === 'error').length).toBeGreaterThan(12)
        for (const name of ['charge', 'findCustomer', 'POST /login/:id', 'chat gpt-4o-mini', 'chat claude-test', 'PIPELINE', 'SELECT'])
          expect(run.spans.map((span) => span.name)).toContain(name)
      })

      it('in the bytes of the files, and in the blocks behind their compression', () => {
        const files = allFiles(run.perfDir)
        expect(files.length).toBeGreaterThan(3)
        expect(files.filter((file) => holdsCanary(readFileSync(file).toString('latin1')))).toEqual([])
        for (const name of readdirSync(path.join(run.sessionDir ?? '', 'hot')).filter((entry) => entry.endsWith('.lmdb')))
          expect(canariesIn(everythingIn(path.join(run.sessionDir ?? '', 'hot', name)))).toEqual([])
      })

      it('in any column of session.duckdb, and in what the commands print', async () => {
        for (const args of [
          ['report'],
          ['report', '--json'],
          ['trace', '--attributes'],
          ['trace', '--json'],
          ['doctor', '--json'],
          ['findings', '--json'],
          ['sessions', '--json'],
        ])
          // prettier-ignore
          expect([args, canariesIn((await runCli([...args, '--dir', run.perfDir])).stdout)]).toEqual([args, []])
        const tables = await everyTable(run.sessionDir ?? '')
        expect(tables.get('store.spans')?.length).toBeGreaterThan(1000)
        for (const [table, rows] of tables) expect([table, canariesIn(rows)]).toEqual([table, []])
        expect(allFiles(run.perfDir).filter((file) => holdsCanary(readFileSync(file).toString('latin1')))).toEqual([])
      })

      it.skipIf(process.platform === 'win32')('and its files are for their owner alone', () => {
        expect(allFiles(run.perfDir).filter((file) => (statSync(file).mode & 0o077) !== 0)).toEqual([])
      })
    })
  })
})

it('the search finds what is there: with PERF_CAPTURE=full the same canaries are on disk', async () => {
  // A program that ends before its writer is ready keeps no contents.
  const app = `
import { existsSync, readdirSync } from 'node:fs'
import { tool } from '@perf/agent/api'
tool('charge', (card) => card)(process.env.CANARY + 'kept')
const isStored = () => existsSync(process.env.PERF_DIR) && readdirSync(process.env.PERF_DIR, { recursive: true }).some((name) => name.endsWith('data.mdb'))
const timer = setInterval(() => isStored() && clearInterval(timer), 10)
`
  const run = await record({ app, env: { CANARY, PERF_CAPTURE: 'full' } })
  const hot = path.join(run.sessionDir ?? '', 'hot')
  const found = readdirSync(hot)
    .filter((entry) => entry.endsWith('.lmdb'))
    .map((name) => everythingIn(path.join(hot, name)))
  expect(found.some(holdsCanary)).toBe(true)
})

const holdsCanary = (content: string): boolean => content.toLowerCase().includes(CANARY)

/** The canaries in a text, by what they stand for. */
function canariesIn(content: string): string[] {
  return [...new Set(content.toLowerCase().match(new RegExp(`.{0,60}${CANARY}[a-z]*`, 'g')))]
}

function allFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.join(entry.parentPath, entry.name))
}

/** Everything an environment holds: its entries, the raw bytes of the blocks and what they decode to. */
function everythingIn(environment: string): string {
  const result = openHot(environment, { live: true })
  if (result.state === 'damaged') throw new Error(result.reason)
  const { hot } = result
  const blocks = hot.threads().flatMap((thread) => [...hot.blocks(thread)])
  const parts = [
    hot.process(),
    hot.beat(),
    hot.end(),
    [...hot.contents()],
    blocks.map(({ data: _data, ...block }) => block),
    blocks.map(decodeBlock),
  ]
  const decoded = JSON.stringify(parts, (_key, value: unknown) => (typeof value === 'bigint' ? value.toString() : value))
  const raw = blocks.map(({ data }) => Buffer.from(data).toString('latin1'))
  void hot.close()
  return [decoded, ...raw].join('\n')
}

/** Every row of every table and view as text. */
async function everyTable(folder: string): Promise<Map<string, string>> {
  const { connection, close } = await openDatabase(folder, 'read')
  try {
    const names = await connection.runAndReadAll(`SELECT table_schema || '.' || table_name FROM information_schema.tables ORDER BY 1`)
    const tables = new Map<string, string>()
    for (const [name] of names.getRows()) {
      const rows = await connection.runAndReadAll(`SELECT t::VARCHAR FROM ${String(name)} t`)
      tables.set(String(name), rows.getRows().map(([row]) => String(row)).join('\n')) // prettier-ignore
    }
    return tables
  } finally {
    close()
  }
}
