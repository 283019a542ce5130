// What `report` and its page say of AI calls besides the models: conversations, quality against earlier sessions, pipelines.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { pipelineKinds } from '../../src/analysis/ai/pipelines.ts'
import { glance } from '../../src/cli/render/ai/glance.ts'
import { renderReport } from '../../src/cli/render/report.ts'
import { buildReport } from '../../src/analysis/report.ts'
import { terminalOf } from '../../src/cli/render/terminal.ts'
import { StatusCode } from '../../src/core/layout.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { runCli } from '../support/cli.ts'
import { generateSession, STARTED_AT } from '../support/generate-session.ts'
import { RecordWriter, type TestSpan } from '../support/record-writer.ts'

const MS = 1_000_000

let dir: string
beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-glance-'))
  await session('shop_20261121-101500_0001', 0, () => false)
  await session('shop_20261121-111500_0002', 1, (i) => i % 2 === 0)
}, 60_000)
afterAll(() => rmSync(dir, { recursive: true, force: true }))

/** Forty questions in four conversations, each a workflow of two steps, one of which asks a model. */
async function session(name: string, hour: number, isFailed: (i: number) => boolean): Promise<void> {
  const writer = new RecordWriter()
  let id = 1n
  for (let i = 0; i < 40; i++) {
    const trace = { traceHigh: 7n, traceLow: BigInt(i + 1) }
    const add = (
      parentId: bigint | undefined,
      called: string,
      layer: string,
      from: number,
      to: number,
      rest: Partial<TestSpan> = {},
    ): bigint => {
      const spanId = id++
      const times = { startNs: (i * 100 + from) * MS, endNs: (i * 100 + to) * MS }
      writer.span({ ...trace, spanId, ...(parentId === undefined ? {} : { parentId }), name: called, layer, ...times, ...rest })
      return spanId
    }
    const chat = `chat-${i % 4}`
    const outer = add(undefined, 'conversation', 'workflow', 0, 40, { attributes: { 'gen_ai.conversation.id': chat } })
    const flow = add(outer, 'support', 'workflow', 0, 40)
    const step = add(flow, 'think', 'step', 0, 25)
    add(step, 'chat small', 'ai', 0, 24, {
      ...(isFailed(i) ? { status: StatusCode.error } : {}),
      attributes: {
        'gen_ai.operation.name': { interned: 'chat' }, 'gen_ai.request.model': { interned: 'small' }, 'gen_ai.conversation.id': chat,
        'gen_ai.usage.input_tokens': 100, 'gen_ai.usage.output_tokens': 10, 'perf.ai.cost_usd': 0.001 * (1 + (i % 4)),
      },
    }) // prettier-ignore
    add(flow, 'save', 'step', 25, 40)
  }
  const json = { startedAt: new Date(STARTED_AT + hour * 3_600_000).toISOString() }
  await generateSession({ dir, name, json, instances: [{ blocks: [writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })] }] })
}

const aiSection = (text: string): string => /^AI calls\n([^]*?)\n(?:\n|$(?!.|\n))/m.exec(text)?.[1] ?? ''

it('the report counts conversations and names the costliest; quality is not known before it was scored', async () => {
  const { stdout, code } = await runCli(['report', '--dir', dir])
  expect(code).toBe(0)
  expect(aiSection(stdout).split('\n').slice(2)).toEqual([
    '4 conversations of 40 calls, $0.1: most in chat-3 with 10 calls, $0.04.',
    'One conversation: perf-agent report --conversation chat-3',
    'Quality of answers and tools: perf-agent score',
    'Routing, rewards, several models, pipelines: perf-agent report --ai',
  ])
})

it('the command for a conversation is one word of a shell, whatever its id holds', () => {
  const conversations = {
    total: 2,
    calls: 5,
    cost_usd: null,
    errors: 0,
    first: "o'clock $(reboot)\u001B[31m",
    first_calls: 3,
    first_usd: null,
  }
  expect(glance({ ...terminalOf(), width: 200 }, { conversations, quality: null })).toContain(
    String.raw`report --conversation 'o'\''clock $(reboot)[31m'`,
  )
})

it('a conversation around a workflow does not hide it from the pipelines', async () => {
  const reader = await openSession(readSession(path.join(dir, 'sessions', 'shop_20261121-101500_0001')))
  expect(await pipelineKinds(reader, 5)).toMatchObject([{ name: 'support', layer: 'workflow', runs: 40, stages: 2 }])
  reader.close()
})

it('once scored, the report says what dropped, and the page shows it beside the pipeline', async () => {
  expect((await runCli(['score', '--dir', dir])).code).toBe(1)
  const text = aiSection((await runCli(['report', '--dir', dir])).stdout)
  expect(text).toMatch(/^Quality 0\.\d{3} over 40 calls\.$/m)
  expect(text.replaceAll('\n', ' ')).toMatch(
    /Model small: quality dropped from 1\.000 to 0\.\d{3} \(p < 0\.001\); succeeded fell most, by 0\.50\./,
  )
  const before = aiSection((await runCli(['report', '--dir', dir, '--session', 'last~1'])).stdout)
  expect(before).toContain('Quality 1.000 over 40 calls, no earlier session to compare with.')
  const file = path.join(dir, 'report.html')
  expect((await runCli(['report', '--dir', dir, '--html', file])).code).toBe(0)
  const page = readFileSync(file, 'utf8')
  expect(page).toMatch(/<svg class="pipeline" [^]*?>think</)
  expect(page).toMatch(/Quality against earlier sessions[^]*?small <span class="note">model<\/span>[^]*?<span class="bad">drop<\/span>/)
  expect(page).toContain('model small: quality dropped from 1.000 to 0.')
})

it('one of a thing is not called many', async () => {
  const writer = new RecordWriter().span({
    spanId: 1n,
    traceLow: 1n,
    startNs: 1,
    endNs: MS,
    name: 'GET /',
    layer: 'http',
    status: StatusCode.error,
  })
  const blocks = [writer.block({ anchor: { monoNs: 0, wallMs: STARTED_AT } })]
  const alone = path.join(dir, 'alone')
  const reader = await openSession(readSession(await generateSession({ dir: alone, instances: [{ blocks }] })))
  expect(renderReport(terminalOf(), await buildReport(reader))).toContain('1 span in 1 trace, 1 error, 1 process')
  reader.close()
})
