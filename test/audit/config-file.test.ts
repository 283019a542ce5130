import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { METRICS } from '../../src/analysis/audit/metrics.ts'
import { DEFAULT_THRESHOLDS } from '../../src/analysis/audit/default-thresholds.ts'
import { checkConfig } from '../../src/cli/project-config.ts'
import { runCli } from '../support/cli.ts'
import { repositoryRoot } from '../support/node-under-test.ts'

const published = JSON.parse(readFileSync(path.join(repositoryRoot, 'docs', 'perf.config.schema.json'), 'utf8')) as object
const fitsPublished = new Ajv2020({ strict: false }).compile(published)

const problemOf = (value: unknown): string => {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  try {
    checkConfig(text, 'perf.config.json')
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
  return ''
}

describe('perf.config.json', () => {
  it('may hold prices and thresholds of every metric', () => {
    const prices = {
      models: { mine: { input: 1, output: 2, cache_read: 0.5, above: { tokens: 1000, input: 2, output: 4 } } },
      tiers: { batch: 0.5 },
    }
    const thresholds = [...Object.keys(METRICS).map((metric) => ({ metric, max: 1 })), { sql: 'SELECT 1', min: 0 }, ...DEFAULT_THRESHOLDS]
    const config = {
      $schema: './docs/perf.config.schema.json',
      prices,
      thresholds,
      defaults: true,
      settings: { PERF_SAMPLE: 0.5, PERF_CPU: '1ms', PERF_REDACT: ['a'], PERF_ENABLED: true },
    }
    expect(problemOf(config)).toBe('')
    expect(fitsPublished(config)).toBe(true)
  })

  it('is refused with one sentence that names the place, and by the published schema alike', () => {
    const cases: [unknown, string][] = [
      [{ thresholds: [{ metric: 'p95_ms', max: '5' }] }, 'thresholds[0].max must be a number, not "5".'],
      [{ thresholds: [{ metric: 'p95', max: 5 }] }, 'thresholds[0].metric must be one of p50_ms, p95_ms,'],
      [{ thresholds: [{ metric: 'p95_ms' }] }, 'thresholds[0] needs exactly one of max and min.'],
      [{ thresholds: [{ metric: 'p95_ms', max: 1, min: 1 }] }, 'thresholds[0] needs exactly one of max and min.'],
      [{ thresholds: [{ layer: 'db', max: 1 }] }, 'thresholds[0] needs exactly one of metric and sql.'],
      [
        {
          thresholds: [
            { metric: 'p95_ms', max: 1 },
            { metric: 'p95_ms', maximum: 1 },
          ],
        },
        'thresholds[1].maximum is not known; there are id, layer,',
      ],
      [{ thresholds: [{ sql: 'SELECT 1', layer: 'db', max: 1 }] }, 'thresholds[0].layer has no meaning with its sql.'],
      [{ thresholds: [{ metric: 'rss_peak_mb', layer: 'db', max: 1 }] }, 'thresholds[0].layer has no meaning with its metric.'],
      [{ thresholds: [{ metric: 'p95_ms', severity: 'high', max: 1 }] }, 'thresholds[0].severity has no meaning with its metric.'],
      [{ thresholds: { metric: 'p95_ms', max: 1 } }, 'thresholds must be an array, not {"metric":"p95_ms","max":1}.'],
      [{ prices: { models: { 'gpt-4o': { input: -1, output: 1 } } } }, 'prices.models["gpt-4o"].input must be 0 or more, not -1.'],
      [{ prices: { models: { mine: { input: 1 } } } }, 'prices.models.mine needs output.'],
      [{ treshold: [] }, 'treshold is not known; there are $schema, settings, prices, thresholds, defaults.'],
      [{ settings: { PERF_CAPTURE: 'all' } }, 'settings.PERF_CAPTURE must be one of off, preview, full, not "all".'],
      [{ settings: { PERF_SESSION: 'x' } }, 'settings.PERF_SESSION is not known; there are PERF_ENABLED,'],
      [[], 'the file must be an object, not [].'],
    ]
    for (const [config, sentence] of cases) {
      expect(problemOf(config)).toContain(`perf.config.json: ${sentence}`)
      expect(problemOf(config)).not.toContain('\n')
      expect(fitsPublished(config), sentence).toBe(false)
    }
    expect(problemOf('{\n  "thresholds": [}\n')).toBe('perf.config.json is not JSON: value expected in line 2, column 18.')
    expect(problemOf('')).toMatch(/^perf\.config\.json is not JSON: .* in line 1, column 1\.$/)
  })
})

describe('settings of perf.config.json', () => {
  it('hold in the recorded app where the environment says nothing', async () => {
    write({ settings: { PERF_SERVICE: 'of the file', PERF_TAGS: ['nightly', 'big'] } })
    expect(await run()).toEqual({ stderr: '', sessions: [{ service: 'of the file', tags: ['nightly', 'big'] }] })
    expect((await run({ PERF_SERVICE: 'of the environment' })).sessions).toContainEqual({
      service: 'of the environment',
      tags: ['nightly', 'big'],
    })
    const shown = JSON.parse((await runCli(['config', '--json'], { cwd })).stdout) as { settings: object[] }
    expect(shown.settings).toContainEqual(
      expect.objectContaining({ name: 'PERF_SERVICE', value: 'of the file', source: 'perf.config.json' }),
    )
  })

  it('that cannot be used are one warning that quotes nothing of the file, and the defaults', async () => {
    for (const [text, why] of [
      ['{ nothing', /^.*The settings of perf\.config\.json are not used: it is not JSON\.\n$/],
      ['hunter2', /^.*The settings of perf\.config\.json are not used: it is not JSON\.\n$/],
      ['{ "settings": { "PERF_SERVCE": "x" } }', /settings\.PERF_SERVCE is not known\.\n$/],
      ['{ "settings": { "PERF_SERVICE": {} } }', /settings\.PERF_SERVICE must be a text, number, true, false or a list of texts\.\n$/],
    ] as const) {
      writeFileSync(path.join(cwd, 'perf.config.json'), text)
      const { stderr, sessions } = await run()
      expect(stderr).toMatch(why)
      expect(stderr.trim().split('\n')).toHaveLength(1)
      expect(sessions[0]).toMatchObject({ service: 'my-app' })
    }
  })

  it('hold beside one that cannot be used', async () => {
    write({ settings: { PERF_SERVICE: 'of the file', PERF_CAPTUER: 'full', PERF_TAGS: {} } })
    const { stderr, sessions } = await run()
    expect(stderr).toMatch(
      /^.*Not all of perf\.config\.json is used: settings\.PERF_CAPTUER is not known; settings\.PERF_TAGS must be [^\n]*\.\n$/,
    )
    expect(sessions).toEqual([{ service: 'of the file', tags: [] }])
  })

  it.skipIf(process.platform === 'win32')('do not wait for a pipe of that name', () => {
    execFileSync('mkfifo', [path.join(cwd, 'perf.config.json')])
    const register = pathToFileURL(path.join(repositoryRoot, 'dist', 'register.js')).href
    const { stderr } = spawnSync(process.execPath, ['--import', register, 'app.cjs'], { cwd, encoding: 'utf8', timeout: 20_000 })
    expect(stderr).toBe('[perf-agent] The settings of perf.config.json are not used: it is no file.\n')
  })
})

let cwd: string
beforeEach(() => {
  cwd = mkdtempSync(path.join(os.tmpdir(), 'perf-settings-'))
  writeFileSync(path.join(cwd, 'package.json'), '{"name":"my-app"}')
  writeFileSync(path.join(cwd, 'app.cjs'), `require('node:http').get('http://127.0.0.1:1').on('error', () => setTimeout(() => {}, 300))`)
})
afterEach(() => rmSync(cwd, { recursive: true, force: true }))

const write = (config: object): void => writeFileSync(path.join(cwd, 'perf.config.json'), JSON.stringify(config))

/** Records a program; gives what it wrote to standard error, and the sessions, newest first. */
async function run(env: NodeJS.ProcessEnv = {}): Promise<{ stderr: string; sessions: { service: string | null; tags: string[] }[] }> {
  const { stderr } = await runCli(['run', 'app.cjs'], { cwd, env })
  const rows = JSON.parse((await runCli(['sessions', '--json'], { cwd })).stdout) as { service: string | null; tags: string[] }[]
  return { stderr, sessions: rows.map(({ service, tags }) => ({ service, tags })) }
}
