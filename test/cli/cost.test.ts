import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { STARTED_AT, generateSession } from '../support/generate-session.ts'
import { RecordWriter, type TestValue } from '../support/record-writer.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-cost-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

/** A session of AI calls with these attributes. */
async function calls(...attributes: Record<string, TestValue>[]): Promise<void> {
  const writer = new RecordWriter()
  attributes.forEach((given, i) =>
    writer.span({
      spanId: BigInt(i + 1),
      traceLow: BigInt(i + 1),
      name: 'chat',
      layer: 'ai',
      startNs: i * 1e6,
      endNs: i * 1e6 + 5e5,
      attributes: given,
    }),
  )
  const block = writer.block({ thread: 0, seq: 1, anchor: { monoNs: 0, wallMs: STARTED_AT } })
  await generateSession({ dir: path.join(dir, '.perf'), instances: [{ blocks: [block] }] })
}

const usage = (model: string, input: number, output: number, more: Record<string, TestValue> = {}): Record<string, TestValue> => ({
  'gen_ai.request.model': { interned: model }, 'gen_ai.usage.input_tokens': input, 'gen_ai.usage.output_tokens': output, ...more,
}) // prettier-ignore

const costs = async (): Promise<unknown> => {
  const { stdout } = await runCli(['sql', '--json', 'SELECT model, cost_usd FROM ai_calls ORDER BY start_time'], { cwd: dir })
  return (JSON.parse(stdout) as { model: string; cost_usd: number | null }[]).map((row) => [row.model, row.cost_usd])
}

describe('what AI calls cost', () => {
  it('comes from the price table: cached and reasoning tokens as they are billed, nothing for an unknown model', async () => {
    await calls(
      usage('gpt-4o', 1000, 100),
      usage('gpt-4o', 1000, 100, { 'gen_ai.usage.cache_read.input_tokens': 800 }),
      // Reasoning tokens are part of the output.
      usage('gpt-5', 1000, 100, { 'gen_ai.usage.reasoning.output_tokens': 60 }),
      usage('claude-opus-4-5', 1000, 100, { 'gen_ai.usage.cache_creation.input_tokens': 500 }),
      usage('my-own-model', 1000, 100),
      { 'gen_ai.request.model': { interned: 'gpt-4o' } },
      usage('gpt-4o', 1000, 100, { 'perf.ai.cost_usd': 7 }),
    )
    expect(await costs()).toEqual([
      ['gpt-4o', 0.0035],
      ['gpt-4o', (200 * 2.5 + 800 * 1.25 + 100 * 10) / 1e6],
      ['gpt-5', (1000 * 1.25 + 100 * 10) / 1e6],
      ['claude-opus-4-5', (500 * 5 + 500 * 6.25 + 100 * 25) / 1e6],
      ['my-own-model', null],
      ['gpt-4o', null],
      ['gpt-4o', 7],
    ])
    const report = await runCli(['report'], { cwd: dir })
    expect(report.stdout).toMatch(/AI \$7\.02/)
    expect(report.stdout).toMatch(/gpt-5 .*\$0\.0022/)
    const { stdout } = await runCli(['sql', '--json', `SELECT trace_id FROM ai_calls WHERE model = 'claude-opus-4-5'`], { cwd: dir })
    const [{ trace_id }] = JSON.parse(stdout) as [{ trace_id: string }]
    expect((await runCli(['trace', trace_id], { cwd: dir })).stdout).toMatch(/claude-opus-4-5 +1 +1,000 +100 +\$0\.0081/)
    expect((await runCli(['trace', trace_id, '--json'], { cwd: dir })).stdout).toContain('"cost_usd":0.008125')
  })

  it('takes the prices of perf.config.json first', async () => {
    const prices = { models: { 'gpt-4o': { input: 1, output: 2 }, 'my-own-model': { input: 10, output: 0 } } }
    writeFileSync(path.join(dir, 'perf.config.json'), JSON.stringify({ prices }))
    await calls(usage('gpt-4o', 1000, 100), usage('my-own-model', 1000, 100), usage('gpt-5', 1000, 100))
    expect(await costs()).toEqual([
      ['gpt-4o', 0.0012],
      ['my-own-model', 0.01],
      ['gpt-5', 0.00225],
    ])
  })

  it('says in one line when perf.config.json cannot be read, and goes on without it', async () => {
    writeFileSync(path.join(dir, 'perf.config.json'), '{ nothing')
    await calls(usage('gpt-4o', 1000, 100))
    const run = await runCli(['report', '--json'], { cwd: dir })
    expect(run.code).toBe(0)
    expect(run.stderr).toMatch(/^perf-agent: [^\n]*perf\.config\.json is not used: [^\n]*\n$/)
    expect(JSON.parse(run.stdout)).toMatchObject({ totals: { cost_usd: 0.0035 } })
  })
})
