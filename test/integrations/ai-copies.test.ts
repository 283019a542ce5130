// What the conformance suite does not run: both copies of a dual package in one process, and a process that dies.
import { afterAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { startAnthropicServer } from '../servers/anthropic.ts'
import { startGroqServer } from '../servers/groq.ts'
import { startOpenAIServer } from '../servers/openai.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'

const servers = {
  openai: await startOpenAIServer(),
  '@anthropic-ai/sdk': await startAnthropicServer(),
  'groq-sdk': await startGroqServer(),
}
afterAll(() => Promise.all(Object.values(servers).map((server) => server.close())))

const programs = {
  openai: {
    className: 'OpenAI',
    ask: `(sdk, name, more) => new sdk.OpenAI({ apiKey: 'k', baseURL: process.env.AI_URL + '/v1', maxRetries: 0 })
      .chat.completions.create({ model: name, messages: [{ role: 'user', content: '[[say:hi]]' }], ...more })`,
  },
  '@anthropic-ai/sdk': {
    className: 'Anthropic',
    ask: `(sdk, name, more) => new sdk.Anthropic({ apiKey: 'k', baseURL: process.env.AI_URL, maxRetries: 0 })
      .messages.create({ model: name, max_tokens: 9, messages: [{ role: 'user', content: '[[say:hi]]' }], ...more })`,
  },
  'groq-sdk': {
    className: 'Groq',
    ask: `(sdk, name, more) => new sdk.Groq({ apiKey: 'k', baseURL: process.env.AI_URL, maxRetries: 0 })
      .chat.completions.create({ model: name, messages: [{ role: 'user', content: '[[say:hi]]' }], ...more })`,
  },
}
const copies = Object.keys(programs).flatMap((lib) =>
  versionsFor(lib, nodeMajor()).map((version) => ({ lib: lib as keyof typeof programs, version })),
)

describe.each(copies)('$lib $version', ({ lib, version }) => {
  const { ask, className } = programs[lib]
  const options = { packages: [`${lib}@${version}`], env: { AI_URL: servers[lib].url, PERF_INTEGRATIONS: 'openai,anthropic,groq' } }

  it.each(['import first', 'require first'])('gives one span per call of either copy (%s)', async (order) => {
    const load = [`const imported = await import('${lib}')`, `const required = createRequire(import.meta.url)('${lib}')`]
    const app = `
      import { createRequire } from 'node:module'
      ${(order === 'import first' ? load : load.toReversed()).join('\n')}
      const ask = ${ask}
      const drain = async (stream) => { for await (const _ of stream); }
      await ask(imported, 'imported')
      await ask(required, 'required')
      await drain(await ask(imported, 'imported-stream', { stream: true }))
      await drain(await ask(required, 'required-stream', { stream: true }))
      console.log(imported.${className} === required.${className})
    `
    const run = await record({ ...options, app })
    expect(run.status).toBe(0)
    const names = ['imported', 'required', 'imported-stream', 'required-stream']
    expect(run.spans.filter((span) => span.layer === 'ai').map((span) => span.name)).toEqual(names.map((name) => `chat ${name}`))
  })

  it.each(['', '.then(() => undefined)', '.asResponse().then(() => undefined)'])(
    'dies of an unhandled rejection as without the agent (create()%s)',
    async (asking) => {
      const app = `
        import * as sdk from '${lib}'
        const ask = ${ask}
        void ask(sdk, '[[401]]')${asking}
        setTimeout(() => console.log('still there'), 20_000)
      `
      const [bare, recorded] = await Promise.all([record({ ...options, app, agent: 'none' }), record({ ...options, app })])
      expect(bare.status).toBe(1)
      const { status, stdout } = recorded
      expect({ status, stdout }).toEqual({ status: bare.status, stdout: bare.stdout })
      expect(firstLines(recorded.stderr)).toEqual(firstLines(bare.stderr))
    },
  )

  it('does not keep the process alive for a stream that nobody reads on', async () => {
    const app = `
      import * as sdk from '${lib}'
      const ask = ${ask}
      void (async () => {
        const iterator = (await ask(sdk, 'left', { stream: true }))[Symbol.asyncIterator]()
        await iterator.next()
        console.log('left')
        await new Promise((resolve) => setTimeout(resolve, 200))
      })()
    `
    const [bare, recorded] = await Promise.all([record({ ...options, app, agent: 'none' }), record({ ...options, app })])
    expect([recorded.status, recorded.timedOut, recorded.stdout]).toEqual([bare.status, bare.timedOut, bare.stdout])
    expect(recorded.spans.filter((span) => span.layer === 'ai')).toHaveLength(1)
  })
})

/** The message of the error that ended the program, without paths and frames. */
function firstLines(stderr: string): string[] {
  return stderr.split('\n').filter((line) => /Error: |Node\.js v/.test(line))
}
