// The conformance suite every integration passes: real programs, ESM and CJS, with and without the agent.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { installedModules, notInstallable, versionsFor } from '../../scripts/install-versions.mjs'
import type { Integration } from '../../src/core/integration.ts'
import { childrenOf, expectSpans, type ExpectedSpan } from './expect-spans.ts'
import { nodeMajor, repositoryRoot } from './node-under-test.ts'
import type { RecordedSpan } from './read-session.ts'
import { record, type Format, type Recorded } from './record.ts'
import { describeWithService, type Service } from './services.ts'
import { withVersion } from './with-version.ts'

export interface IntegrationSuite {
  /** Name of the file in `test/scenarios`: every exported async function is a case; `setup`, `teardown`, `operation` are reserved. */
  scenario: string
  /** Library of the version matrix in `scripts/install-versions.mjs`, or a module of Node: `node:dns`. */
  library: string
  /** Spans each case must leave below its own, in order of their start. */
  expect: Record<string, ExpectedSpan[] | ((version: string) => ExpectedSpan[])>
  /** Spans of the scenario's `operation(i)`; they must tell one `i` from its neighbours. */
  operation: (i: number, version: string) => ExpectedSpan[]
  /** Names of spans that may or may not come with an operation, depending on load (waiting for a pool). */
  optional?: readonly string[]
  /** Packages that claim an unsupported version together; default the library. `false`: spans come from Node itself, whatever the version. */
  unsupported?: readonly string[] | false
  /** Import specifiers whose keys, descriptors, names and lengths must stay; default the library. */
  modules?: readonly string[]
  /** Lines of logs each case must leave, in order, all joined to its span; the bytes on stdout must be the same then. */
  logs?: Record<string, ExpectedLine[]>
  /** Methods of a superclass that become own properties of a class where they are wrapped: `Logger.prototype.write`. */
  becomesOwn?: readonly string[]
  /** Why no call of it fails, or with which version: else at least one case must, and have `error.type`. */
  cannotFail?: string | ((version: string) => string | undefined)
  service?: Service
  /** More packages beside the library: `express@5.3.0`. */
  packages?: readonly string[]
  env?: Record<string, string>
}

/** One line as the recording holds it; `operation(i)` of a logger writes `operation <i>`. */
export interface ExpectedLine {
  level: string
  message: string
  attributes?: Record<string, unknown>
}

interface Report {
  results: Record<string, unknown>
  shapes: Record<string, Record<string, string>>
  warnings: string[]
  unhandled: unknown[]
}

/** Declares the tests of one integration: its scenario on every version of its library that runs on the Node under test. */
export async function testIntegration(definition: Integration, suite: IntegrationSuite): Promise<void> {
  const declare = () => {
    for (const version of isOfNode(suite) ? [`of Node ${nodeMajor()}`] : versionsFor(suite.library, nodeMajor())) {
      const missing = isOfNode(suite) ? undefined : notInstallable(`${suite.library}@${version}`)
      if (missing !== undefined) {
        it(`${suite.library} ${version} is recorded`, ({ skip }) => skip(`${suite.library} ${version}: ${missing}`))
        continue
      }
      for (const format of ['esm', 'cjs'] as const) {
        describe(`${suite.library} ${version} ${format}`, () => testVersion(definition, suite, version, format))
      }
    }
    const newest = `${suite.library}@${versionsFor(suite.library, nodeMajor()).at(-1)}`
    if (suite.unsupported === false || isOfNode(suite) || notInstallable(newest) !== undefined) return
    it.each(['esm', 'cjs'] as const)('leaves an unsupported version alone and reports it (%s)', (format) =>
      testUnsupported(definition, suite, format),
    )
  }
  if (suite.service === undefined) describe(definition.name, declare)
  else await describeWithService(suite.service, definition.name, declare)
}

/** There is one version of it: that of the Node under test. */
function isOfNode({ library }: IntegrationSuite): boolean {
  return library.startsWith('node:')
}

function testVersion(definition: Integration, suite: IntegrationSuite, version: string, format: Format): void {
  const canary = `canary-${Math.random().toString(36).slice(2, 12)}`
  const run = (agent: 'import' | 'none', env: Record<string, string> = {}) =>
    runScenario(suite, {
      format,
      agent,
      packages: isOfNode(suite) ? [] : [`${suite.library}@${version}`],
      env: { ...selection(definition), CANARY: canary, ...env },
    })
  let bare: Recorded
  let recorded: Recorded
  let faulty: Recorded

  beforeAll(async () => {
    bare = await run('none')
    recorded = await run('import')
    faulty = await run('import', { PERF_TEST_FAULT: definition.name })
  })

  it('ends by itself with the same exit code and output on stderr', () => {
    expect(endOf(recorded)).toEqual(endOf(bare))
    expect(endOf(faulty)).toEqual(endOf(bare))
  })
  it('gives the app the same results, errors, warnings and unhandled rejections', () => {
    expect(reportOf(recorded)).toEqual(reportOf(bare))
  })
  it('keeps keys, names, lengths and property descriptors', () => {
    expect(shapesWithout(suite.becomesOwn ?? [], recorded)).toEqual(shapesWithout(suite.becomesOwn ?? [], bare))
  })
  it('changes nothing but a counter when its own code throws', () => {
    expect(reportOf(faulty)).toEqual(reportOf(bare))
    expect(faulty.spans.filter((span) => span.integration === definition.name)).toEqual([])
    expect(faulty.counters['faults']).toBeGreaterThan(0)
  })
  it('drops nothing, leaves nothing open and counts no fault', () => {
    expect(recorded.spans.filter((span) => span.open)).toEqual([])
    const lost = Object.entries(recorded.counters).filter(([name, count]) => name !== 'spans_written' && count > 0)
    expect([lost, recorded.faults]).toEqual([[], []])
  })
  it('writes no secret', () => expectNoSecret(recorded, canary))
  const cannotFail = typeof suite.cannotFail === 'function' ? suite.cannotFail(version) : suite.cannotFail
  it(cannotFail === undefined ? 'gives failing calls status and error.type' : `has no failing call: ${cannotFail}`, () => {
    const failed = recorded.spans.filter((span) => span.integration === definition.name && span.status === 'error')
    expect(failed.length > 0).toBe(cannotFail === undefined)
    expect(failed.filter((span) => span.attributes['error.type'] === undefined)).toEqual([])
  })

  it('records the attributes and names that its page tells of', () => {
    observe(definition, recorded.spans)
    const { records } = definition
    const own = recorded.spans.filter((span) => span.integration === definition.name)
    const attributes = new Set(own.flatMap((span) => Object.keys(span.attributes)))
    expect([...attributes].filter((name) => name !== 'error.type' && !records.attributes.includes(name))).toEqual([])
  })

  for (const [name, expected] of Object.entries(suite.expect)) {
    it(`records ${name}`, () => {
      const spans = typeof expected === 'function' ? expected(version) : expected
      expectSpans(recorded.spans, `case ${name}`, spans, definition)
    })
  }
  const { operation, logs } = suite
  if (logs !== undefined) testLogs(() => [bare, recorded], logs)
  const counted = () => recorded.spans.filter((span) => suite.optional?.includes(span.name) !== true)
  testContext(counted, definition, (i) => operation(i, version))
}

function testLogs(runs: () => [bare: Recorded, recorded: Recorded], logs: Record<string, ExpectedLine[]>): void {
  // Concurrent operations come in any order.
  const lines = (run: Recorded): string[][] => {
    const all = run.stdout.slice(0, run.stdout.lastIndexOf('\nRESULT ')).split('\n')
    const isOperation = (line: string) => line.includes('operation ')
    return [all.filter((line) => !isOperation(line)), all.filter(isOperation).sort()]
  }
  const spanOf = (name: string) => runs()[1].spans.find((span) => span.name === name)
  it('leaves every byte of stdout as it is', () => {
    const [bare, recorded] = runs()
    expect(lines(recorded)).toEqual(lines(bare))
  })
  it.each(Object.entries(logs))('joins the lines of %s to its span', (name, expected) => {
    const span = spanOf(`case ${name}`)
    const own = runs()[1].logs.filter((line) => line['spanId'] === span?.spanId)
    expect(own.map(({ level, message, attributes }) => ({ level, message, ...(attributes === undefined ? {} : { attributes }) }))).toEqual(
      expected,
    )
    expect(own.every((line) => line['traceId'] === span?.traceId)).toBe(true)
  })
  it('joins each of 100 concurrent lines to its own span', () => {
    const places = (i: number) =>
      runs()[1]
        .logs.filter((line) => line['message'] === `operation ${i}`)
        .map((line) => line['spanId'])
    for (let i = 0; i < 100; i++) expect(places(i)).toContain(spanOf(`request ${i}`)?.spanId)
  })
}

/** With `PERF_TEST_OBSERVE=<folder>`: keeps the names and attributes of the spans there, for whoever writes `records`. */
function observe(definition: Integration, spans: readonly RecordedSpan[]): void {
  const folder = process.env['PERF_TEST_OBSERVE']
  if (folder === undefined) return
  mkdirSync(folder, { recursive: true })
  const file = path.join(folder, `${definition.name}.json`)
  const known = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as { names: Record<string, number>; attributes: string[] })
    : undefined
  const names = { ...known?.names }
  const attributes = new Set(known?.attributes)
  for (const span of spans.filter(({ integration }) => integration === definition.name)) {
    names[span.name] = (names[span.name] ?? 0) + 1
    for (const key of Object.keys(span.attributes)) attributes.add(key)
  }
  writeFileSync(file, JSON.stringify({ names, attributes: [...attributes].sort() }))
}

function testContext(recorded: () => RecordedSpan[], definition: Integration, operation: (i: number) => ExpectedSpan[]): void {
  it('nests right across await', () => {
    const spans = recorded()
    expectSpans(spans, 'inner', [...operation(1), ...operation(2)], definition)
    const inner = {
      name: 'inner',
      layer: 'function',
      integration: 'api',
      kind: 'internal' as const,
      attributes: undefined,
      children: undefined,
    }
    expectSpans(spans, 'case nesting', [...operation(0), inner, ...operation(3)], definition)
  })
  it('puts each of 100 concurrent calls over a pool of 2 under its own parent', () => {
    for (let i = 0; i < 100; i++) expectSpans(recorded(), `request ${i}`, operation(i), definition)
  })
  it('makes the calls of one Promise.all siblings', () => {
    const spans = recorded()
    const expected = Array.from({ length: 20 }, (_, i) => operation(i)).flat()
    const parent = spans.find((span) => span.name === 'case siblings')
    const names = childrenOf(spans, parent).map((span) => span.name)
    expect(names.sort()).toEqual(expected.map((span) => span.name).sort())
  })
}

async function testUnsupported(definition: Integration, suite: IntegrationSuite, format: Format): Promise<void> {
  const version = versionsFor(suite.library, nodeMajor()).at(-1) ?? ''
  const modules = withVersion(installedModules(`${suite.library}@${version}`), suite.unsupported || [suite.library], '0.0.1')
  const options = { format, packages: [modules], env: { ...selection(definition), CANARY: 'canary' } }
  const bare = await runScenario(suite, { ...options, agent: 'none' })
  const run = await runScenario(suite, { ...options, agent: 'import' })
  expect(parse(run)).toEqual(parse(bare))
  expect(run.spans.filter((span) => span.integration === definition.name)).toEqual([])
  const report = run.packages.filter((entry) => entry['name'] === suite.library)
  expect(report.length, 'reported once or more').toBeGreaterThan(0)
  expect(report.at(-1)).toMatchObject({ version: '0.0.1', reason: expect.stringMatching(/version/) as string })
}

function runScenario(
  suite: IntegrationSuite,
  options: { format: Format; agent: 'import' | 'none'; packages: readonly string[]; env: Record<string, string> },
): Promise<Recorded> {
  const modules = suite.modules ?? [suite.library]
  const imports = modules.map((name, i) => `import * as m${i} from '${name}'`).join('\n')
  const table = modules.map((name, i) => `'${name}': m${i}`).join(', ')
  return record({
    format: options.format,
    agent: options.agent,
    app: `import { drive } from './driver.js'\nimport * as scenario from './scenario.js'\n${imports}\nvoid drive(scenario, { ${table} })\n`,
    files: {
      'driver.js': readFileSync(path.join(repositoryRoot, 'test', 'support', 'scenario-driver.mjs'), 'utf8'),
      'scenario.js': readFileSync(path.join(repositoryRoot, 'test', 'scenarios', `${suite.scenario}.mjs`), 'utf8'),
    },
    packages: [...options.packages, ...(suite.packages ?? [])],
    env: { ...suite.service?.env, ...suite.env, ...options.env },
  })
}

/** Only this integration, so that a library below it (HTTP under an SDK) does not add spans of its own. */
function selection(definition: Integration): Record<string, string> {
  return { PERF_INTEGRATIONS: definition.name }
}

function parse(run: Recorded): Report {
  const line = run.stdout.split('\n').findLast((text) => text.startsWith('RESULT '))
  if (line === undefined) throw new Error(`the program gave no result (${run.status ?? run.signal}):\n${run.stdout}\n${run.stderr}`)
  return JSON.parse(line.slice('RESULT '.length)) as Report
}

/** The shapes without these methods, wherever they are reached; whatever else a class has must be the same. */
function shapesWithout(methods: readonly string[], run: Recorded): Report['shapes'] {
  const names = methods.map((method) => method.slice(method.lastIndexOf('.') + 1))
  const isOne = (place: string) => names.some((name) => `${place}.`.includes(`.prototype.${name}.`))
  const classes = methods.map((method) => method.slice(0, method.lastIndexOf('.')))
  const { shapes } = parse(run)
  if (methods.length === 0) return shapes
  return Object.fromEntries(
    Object.entries(shapes).map(([module, shape]) => [
      module,
      Object.fromEntries(
        Object.entries(shape)
          .filter(([place]) => !isOne(place))
          .map(([place, keys]) => {
            const isClass = place.startsWith('keys ') && classes.some((name) => place.endsWith(`.${name}`))
            return [
              place,
              isClass
                ? keys
                    .split(',')
                    .filter((key) => !names.includes(key))
                    .join(',')
                : keys,
            ]
          }),
      ),
    ]),
  )
}

function reportOf(run: Recorded): Omit<Report, 'shapes'> {
  const { results, warnings, unhandled } = parse(run)
  return { results, warnings, unhandled }
}

function endOf({ status, signal, timedOut, stderr }: Recorded): unknown {
  return { status, signal, timedOut, stderr: stderr.replace(/\(node:\d+\)/g, '(node)') }
}

/** Looks for the canary in the raw bytes of every file and in what they decode to (blocks are compressed). */
function expectNoSecret(run: Recorded, canary: string): void {
  const files = readdirSync(run.perfDir, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const holding = files.filter((entry) => readFileSync(path.join(entry.parentPath, entry.name)).includes(canary))
  expect(holding.map((entry) => entry.name)).toEqual([])
  expect(files.length).toBeGreaterThan(0)
  const { spans, events, packages, variants, faults, logs, processes } = run
  expect(JSON.stringify({ spans, events, packages, variants, faults, logs, processes })).not.toContain(canary)
}
