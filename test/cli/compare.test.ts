// `perf-agent compare`: what is different is said, with its certainty, and nothing else.
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { seeded } from '../support/generate-session.ts'
import { autocorrelated, lognormal, sampled } from '../support/latencies.ts'
import { latencySession, type RecordedName } from '../support/latency-session.ts'

let dir: string
const cli = async (...args: string[]) => await runCli([...args, '--dir', dir])

const OLD_SOURCE = 'async function search(q) {\n  return await index.find(q)\n}'
const NEW_SOURCE = 'async function search(q) {\n  const all = await load()\n  return all.filter((x) => x.includes(q))\n}'

interface Group {
  layer: string
  key: string
  verdict: string
  calls: [number, number]
  duration_ms: { difference: number; interval: [number, number]; minimum_detectable: number; samples: [number, number] }
  errors: { rates: [number, number]; verdict: string } | null
  input_tokens?: { means: [number, number]; verdict: string }
  self_cpu_ms?: { verdict: string }
}

async function groups(...args: string[]): Promise<Group[]> {
  const { stdout, stderr, code } = await cli('compare', ...args, '--json')
  expect([code, stderr]).toEqual([0, ''])
  return (JSON.parse(stdout) as { groups: Group[] }).groups
}

const claimed = (all: readonly Group[]): string[] =>
  all.filter(({ verdict }) => verdict === 'slower' || verdict === 'faster').map(({ key, verdict }) => `${key} ${verdict}`)

beforeAll(async () => {
  dir = mkdtempSync(path.join(os.tmpdir(), 'perf-compare-'))
  const random = seeded(31)
  for (let number = 0; number < 4; number++) {
    const isNew = number >= 2
    const chat = (model: string, tokens: number, factor: number): RecordedName => ({
      name: `chat ${model}`, layer: 'ai', samples: autocorrelated(0.4)(random, 300, factor),
      attributes: { 'gen_ai.request.model': { interned: model }, 'gen_ai.usage.input_tokens': tokens, 'perf.ai.cost_usd': tokens / 1e6 },
    }) // prettier-ignore
    await latencySession({
      variants: [
        { hash: isNew ? 'bbbb2222' : 'aaaa1111', name: 'search', file: 'src/tools/search.ts', line: 3, source: isNew ? NEW_SOURCE : OLD_SOURCE },
      ],
      dir, number, json: { gitCommit: (isNew ? 'b' : 'a').repeat(40), tags: [isNew ? 'new' : 'old'] }, process: { flags: { CACHE: String(number % 2) } },
      names: [
        { name: 'search', layer: 'tool', variant: isNew ? 'bbbb2222' : 'aaaa1111', samples: lognormal(random, 500, isNew ? 1.5 : 1) },
        chat('gpt-4o', isNew ? 300 : 200, 1),
        chat('gpt-4o-mini', 150, 0.5),
        { name: 'pay', layer: 'step', samples: lognormal(random, 400), failing: isNew ? 0.2 : 0.01 },
        { name: 'sampled', layer: 'step', samples: sampled(random, 1500) },
        { name: 'cpu', layer: 'step', samples: lognormal(random, 200), attributes: { 'perf.cpu.self_ms': isNew ? 8 : 4 } },
        { name: 'rare', layer: 'step', samples: lognormal(random, 4) },
        ...Array.from({ length: 44 }, (_, i): RecordedName => ({ name: `step ${i}`, layer: 'step', samples: autocorrelated(0.3)(random, 100) })),
      ],
    }) // prettier-ignore
  }
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

describe('two sessions', () => {
  it('the name that got slower is the only one of fifty that is claimed', async () => {
    const all = await groups('last~2', 'last')
    expect(all).toHaveLength(51)
    expect(claimed(all)).toEqual(['search slower'])
    expect(all[0]?.duration_ms.difference).toBeGreaterThan(0.3)
    expect(all[0]?.duration_ms.interval[0]).toBeGreaterThan(0.2)
    expect(all.find(({ key }) => key === 'rare')?.verdict).toBe('not enough data')
    expect(all.find(({ key }) => key === 'step 3')?.duration_ms.minimum_detectable).toBeGreaterThan(0.1)
  })

  it('errors, tokens and CPU are compared, too', async () => {
    const all = await groups('last~2', 'last')
    const of = (key: string): Group | undefined => all.find((group) => group.key === key)
    expect(of('pay')?.errors).toMatchObject({ verdict: 'more', rates: [0.01, 0.2] })
    expect(of('chat gpt-4o')?.input_tokens).toMatchObject({ means: [200, 300], verdict: 'slower' })
    expect(of('chat gpt-4o-mini')?.input_tokens?.verdict).toBe('same')
    expect(of('cpu')?.self_cpu_ms?.verdict).toBe('slower')
    expect(of('search')?.errors).toBeNull()
  })

  it('nothing is claimed of two that ran the same code', async () => {
    expect(claimed(await groups('last~3', 'last~2'))).toEqual([])
    expect(claimed(await groups('half:first', 'half:second', '--session', 'last'))).toEqual([])
  })

  it('weights count', async () => {
    const group = (await groups('last~2', 'last')).find(({ key }) => key === 'sampled')
    expect(group?.calls[0]).toBeGreaterThan((group?.duration_ms.samples[0] ?? 0) * 1.5)
    expect(Math.abs(group?.calls[0] ?? 0) - 1500).toBeLessThan(150)
  })
})

describe('selections', () => {
  it('commits, tags, flags, variants and models', async () => {
    expect(claimed(await groups('commit:aaaa', 'commit:bbbb'))).toEqual(['search slower'])
    expect(claimed(await groups('tag:new', 'tag:old'))).toEqual(['search faster'])
    expect(claimed(await groups('tag:old,flag:CACHE=0', 'tag:old,flag:CACHE=1'))).toEqual([])
    const [variant, ...others] = await groups('variant:aaaa', 'variant:bbbb')
    expect([variant?.key, variant?.verdict, variant?.calls, others]).toEqual(['search', 'slower', [1000, 1000], []])
    expect(claimed(await groups('model:gpt-4o', 'model:gpt-4o-mini'))).toEqual(['ai faster'])
  })

  it.each(['layer', 'model', 'session', 'error'])('by %s', async (by) => {
    const all = await groups('last~2,service:shop', 'last', '--by', by)
    expect(all.map(({ key }) => key).sort()).toEqual(
      {
        layer: ['ai', 'step', 'tool'],
        model: ['gpt-4o', 'gpt-4o-mini'],
        session: [],
        error: ['(error)', '(no error)', '(no error)', '(no error)'],
      }[by],
    )
  })

  it.each([
    [['last', 'tag:nothing'], "No session fits 'tag:nothing'"],
    [['last', 'model:'], 'write model:gpt-4o'],
    [['last', 'flag:CACHE'], 'write flag:CACHE=1'],
    [['a', 'b', 'c'], 'Compare two selections, not 3'],
    [['last', 'last~9'], 'Only 4 sessions'],
    [['last~1', 'last', '--by', 'colour'], 'there are name, layer'],
    [['last~1', 'last', '--same-within', 'much'], 'write 5% or 0.05'],
  ])('%j is one sentence', async (args, sentence) => {
    const { code, stdout, stderr } = await cli('compare', ...args)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(sentence)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  })
})

describe('variants of a function', () => {
  it('each against the one before, with the lines that changed', async () => {
    const { stdout, code } = await cli('compare', '--variants', 'tool.search')
    expect(code).toBe(0)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout).toContain('2 variants of tool.search  src/tools/search.ts:3')
    expect(stdout).toMatch(/^bbbb2222 .* 1,000 .* slower \+\d\d%/m)
    expect(stdout).toContain('-   return await index.find(q)\n+   const all = await load()\n+   return all.filter')
  })

  it('as JSON', async () => {
    const [first, second] = JSON.parse((await cli('compare', '--variants', 'search', '--json')).stdout) as Record<string, unknown>[]
    expect(first).toMatchObject({ variant: 'aaaa1111', calls: 1000, against_before: null, commits: ['a'.repeat(40)] })
    expect(second).toMatchObject({
      against_before: { verdict: 'slower' },
      change: { line: 2, removed: ['  return await index.find(q)'], more: 0 },
    })
    expect((await cli('compare', '--variants', 'nothing')).stderr).toContain("No variant of 'nothing' was recorded")
  })
})

describe('for people and CI', () => {
  it('fits 80 columns and says what is sure', async () => {
    const { stdout, code } = await cli('compare', 'commit:aaaa', 'commit:bbbb')
    expect(code).toBe(0)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80)
    expect(stdout).toMatch(/^51 names: 1 slower, 0 faster, \d+ the same within 5%, \d+ not enough data$/m)
    expect(stdout).toMatch(/^slower {2}search +1,000 /m)
    expect(stdout).toMatch(/^more +pay +errors +1\.0% +20\.0%$/m)
  })

  it('exits with 1 where something got slower, when asked to', async () => {
    expect((await cli('compare', 'last~2', 'last', '--fail-on', 'slower')).code).toBe(1)
    expect((await cli('compare', 'last', 'last~2', '--fail-on', 'slower')).code).toBe(0)
    expect((await cli('compare', 'last~3', 'last~2', '--fail-on', 'worse')).code).toBe(0)
    // A name that nobody records must not pass.
    const nothing = await cli('compare', 'model:gpt-9', 'last', '--fail-on', 'slower')
    expect(nothing).toMatchObject({
      code: 2,
      stdout: '',
      stderr: expect.stringMatching(/^perf-agent: --fail-on .*'model:gpt-9' selects no spans\.\n$/),
    })
  })
})
