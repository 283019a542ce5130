// What holds for every web framework: the app and its clients notice nothing, and the HTTP server's span has the route's template.
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { installedModules, versionsFor } from '../../scripts/install-versions.mjs'
import { childrenOf } from './expect-spans.ts'
import { nodeMajor } from './node-under-test.ts'
import type { RecordedSpan } from './read-session.ts'
import { record, type Format, type Recorded } from './record.ts'
import { testLoad, webLoad } from './web-load.ts'
import { withVersion } from './with-version.ts'

export interface FrameworkSuite {
  /** Library of the version matrix. */
  library: string
  /** The integration's name. */
  integration: string
  /** The integration that knows the routes, where that is another one. */
  below?: string
  /** File in `test/scenarios`: prints `RESULT <json>` of what its clients saw. */
  scenario: string
  env?: Record<string, string>
  /** What a version needs before it runs, where it is that of the folder `modules`; gives more environment. */
  prepare?: (version: string, modules?: string) => Record<string, string>
  /** False where Node cannot hook that version in that format. */
  isHooked?: (version: string, format: Format) => boolean
  formats?: readonly Format[]
  /** Packages that claim an unsupported version together; default the library. */
  unsupported?: readonly string[]
}

/** The recorded run of one version. */
export interface FrameworkRun {
  version: string
  format: Format
  recorded(): Recorded
  /** What the scenario printed. */
  seen(): Record<string, unknown>
  /** The server's span of the only request to `path`. */
  spanOf(path: string, method?: string): RecordedSpan
  childrenOf(span: RecordedSpan): RecordedSpan[]
  /** Messages of the exceptions on a span. */
  exceptionsOf(path: string): unknown[]
}

/** Declares, for each version as ESM and CJS, the tests common to all frameworks and those of `more`. */
export function testFramework(suite: FrameworkSuite, more: (run: FrameworkRun) => void): void {
  const { library, integration, formats = ['esm', 'cjs'] } = suite
  const variants = versionsFor(library, nodeMajor()).flatMap((version) => formats.map((format) => ({ version, format })))
  const isHooked = suite.isHooked ?? (() => true)
  for (const { version, format } of variants.filter((variant) => !isHooked(variant.version, variant.format))) {
    const reason = `Node ${nodeMajor()} has no way to hook ${library} ${version} as ${format}`
    it(`${library} ${version} as ${format}`, ({ skip }) => skip(reason))
  }
  const hooked = variants.filter((variant) => isHooked(variant.version, variant.format))
  const canary = `canary-${Math.random().toString(36).slice(2, 12)}`
  const run = (version: string, format: Format, agent: 'import' | 'none', packages: string, env: Record<string, string> = {}) =>
    record({
      app: `test/scenarios/${suite.scenario}.mjs`,
      files: webLoad,
      format,
      agent,
      packages: [packages],
      env: {
        PERF_INTEGRATIONS: ['http-server', integration, suite.below ?? integration].join(),
        NODE_ENV: 'test',
        LIBRARY: library,
        CANARY: canary,
        ...suite.env,
        ...suite.prepare?.(version, path.isAbsolute(packages) ? packages : undefined),
        ...env,
      },
    })
  const newest = hooked.filter(({ version }) => version === hooked.at(-1)?.version)
  it.each(newest)(`leaves an unsupported version of ${library} alone and reports it ($format)`, async ({ version, format }) => {
    const packages = withVersion(installedModules(`${library}@${version}`), suite.unsupported ?? [library], '0.0.1')
    const bare = await run(version, format, 'none', packages)
    const recorded = await run(version, format, 'import', packages)
    expect(resultOf(recorded)).toEqual(resultOf(bare))
    expect(recorded.spans.filter((span) => span.integration === integration)).toEqual([])
    const report = recorded.packages.filter((entry) => entry['name'] === library)
    expect(report.at(-1)).toMatchObject({ version: '0.0.1', reason: expect.stringMatching(/version/) as string })
  })
  describe.each(hooked)(`${library} $version $format`, ({ version, format }) => {
    const runVersion = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
      run(version, format, agent, `${library}@${version}`, env)
    let bare: Recorded
    let recorded: Recorded
    beforeAll(async () => {
      bare = await runVersion('none')
      recorded = await runVersion('import')
    }, 300_000)

    it('changes nothing the app or its clients see', async () => {
      const end = ({ status, stderr }: Recorded) => [status, stderr.replace(/\(node:\d+\)/g, '(node)')]
      expect(end(recorded)).toEqual(end(bare))
      expect(resultOf(recorded)).toEqual(resultOf(bare))
      const faulty = await runVersion('import', { PERF_TEST_FAULT: integration })
      expect(resultOf(faulty)).toEqual(resultOf(bare))
      const routes = suite.below === undefined ? faulty.spans.filter((span) => span.attributes['http.route'] !== undefined) : []
      expect([...routes, ...faulty.spans.filter((span) => span.integration === integration)]).toEqual([])
    })

    it('counts no fault, leaves nothing open and finds all it wraps', () => {
      expect(recorded.faults).toEqual([])
      expect(recorded.spans.filter((span) => span.open)).toEqual([])
      const own = recorded.packages.filter((entry) => entry['integration'] === integration)
      expect(own.flatMap((entry) => entry['missing'] as string[])).toEqual([])
      expect(own.map((entry) => entry['status'])).toContain('wrapped')
    })

    testLoad(() => recorded, canary)

    const spanOf = (path: string, method = 'GET'): RecordedSpan => {
      const found = recorded.spans.filter(
        ({ kind, attributes }) => kind === 'server' && attributes['url.path'] === path && attributes['http.request.method'] === method,
      )
      expect(found, path).toHaveLength(1)
      return found[0] as RecordedSpan
    }
    more({
      version,
      format,
      recorded: () => recorded,
      seen: () => resultOf(recorded) as Record<string, unknown>,
      spanOf,
      childrenOf: (span) => childrenOf(recorded.spans, span),
      exceptionsOf: (path) =>
        recorded.events.filter((event) => event.spanId === spanOf(path).spanId).map((event) => event.attributes['exception.message']),
    })
  })
}

function resultOf(run: Recorded): unknown {
  const line = run.stdout.split('\n').find((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(`${run.stdout}\n${run.stderr}`)
  return JSON.parse(line.slice(7))
}
