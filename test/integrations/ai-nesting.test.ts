// A framework on an SDK: one tree, and one call with its tokens and its cost.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { syncSession } from '../../src/store/analytics/sync.ts'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { childrenOf } from '../support/expect-spans.ts'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import type { RecordedSpan } from '../support/read-session.ts'
import { record } from '../support/record.ts'

const server = await startOpenAIServer()
afterAll(() => server.close())

const FRAMEWORKS = [
  { library: '@langchain/core', scenario: 'langchain', integration: 'langchain', cases: ['chain', 'streamed', 'failure'] },
  { library: '@openai/agents', scenario: 'openai-agents', integration: 'openai-agents', cases: ['tools', 'streamed', 'failure'] },
] as const

/** Names and integrations of everything below a span. */
function treeOf(spans: RecordedSpan[], parent: RecordedSpan | undefined): unknown[] {
  return childrenOf(spans, parent).map((span) => {
    const below = treeOf(spans, span)
    return below.length === 0 ? `${span.integration}: ${span.name}` : [`${span.integration}: ${span.name}`, ...below]
  })
}

describe.each(FRAMEWORKS)('$library on the openai SDK', ({ library, scenario, integration, cases }) => {
  const version = versionsFor(library, nodeMajor()).at(-1) ?? ''
  const source = readFileSync(path.join(repositoryRoot, 'test', 'scenarios', `${scenario}.mjs`), 'utf8')
  const run = () =>
    record({
      app: `import { span } from '@perf/agent/api'
        import * as scenario from './scenario.js'
        for (const name of ${JSON.stringify(cases)}) await span(name, () => scenario[name]().catch(() => undefined))\n`,
      files: { 'scenario.js': source },
      packages: [`${library}@${version}`],
      env: {
        OPENAI_TEST_URL: `${server.url}/v1`,
        CANARY: 'canary',
        OPENAI_AGENTS_DISABLE_TRACING: '1',
        PERF_INTEGRATIONS: `${integration},openai,undici`,
      },
    })

  it('is one tree, and one call with its tokens and cost', async () => {
    const recorded = await run()
    const { spans, sessionDir = '' } = recorded
    const [plain = '', streamed = '', failed = ''] = cases
    const request = expect.stringMatching(/^undici: POST/) as string
    const call = [`openai: chat gpt-4o-mini`, request]
    const chat = (span: string) => [`${integration}: ${span}`, call]
    const below = (name: string) => {
      const root = spans.find((span) => span.name === name)
      return treeOf(spans, root)
    }
    if (integration === 'langchain') {
      expect(below(plain)).toEqual([['langchain: invoke_workflow RunnableSequence', chat('chat gpt-4o-mini')]])
      expect(below(streamed)).toEqual([chat('chat gpt-4o-mini')])
      expect(below(failed)).toEqual([chat('chat gpt-4o-mini')])
    } else {
      const tool = `${integration}: execute_tool lookup`
      const steps = (span: string) => [[`${integration}: invoke_agent clerk`, chat(span), tool, chat(span)]]
      expect(below(plain)).toEqual(steps('chat gpt-4o-mini'))
      expect(below(streamed)).toEqual(steps('chat'))
      expect(below(failed)).toEqual([[`${integration}: invoke_agent clerk`, chat('chat')]])
    }
    const session = readSession(sessionDir)
    await syncSession(session)
    const reader = await openSession(session)
    try {
      const calls = await reader.rows<{ integration: string; status: string; input_tokens: number | null; cost_usd: number | null }>(
        `SELECT s.integration, c.status, c.input_tokens, c.cost_usd FROM ai_calls c JOIN spans s USING (span_id) ORDER BY c.start_time`,
      )
      expect(calls.filter(({ integration: by }) => by !== 'openai')).toEqual([])
      expect(calls.length).toBe(integration === 'langchain' ? 3 : 5)
      expect(calls.filter(({ status }) => status === 'error').length).toBe(1)
      const tokens = calls.reduce((sum, { input_tokens: count }) => sum + Number(count ?? 0), 0)
      expect(tokens).toBe(integration === 'langchain' ? 109 : 36)
      expect(calls.filter(({ cost_usd: cost }) => cost !== null).length).toBe(calls.length - 1)
      const wrappers = await reader.rows(`SELECT 1 FROM spans WHERE layer = 'ai' AND integration = '${integration}'`)
      expect(wrappers.length).toBe(calls.length)
    } finally {
      reader.close()
    }
  })
})
