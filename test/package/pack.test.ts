// The package as a user gets it: packed, installed from the tarball into an empty project with install scripts blocked, and used there.
import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { nodeBinary, repositoryRoot } from '../support/node-under-test.ts'
import { readSession } from '../support/read-session.ts'

const QUIET = ['--ignore-scripts', '--no-audit', '--no-fund', '--prefer-offline', '--loglevel=error']
const NOT_COPIED = new Set(['node_modules', 'dist', '.git', '.cache', '.perf', 'coverage', 'bench', 'examples'])

interface Manifest {
  bin: Record<string, string>
  exports: Record<string, unknown>
  scripts: Record<string, string>
}

let temporary: string
let project: string
let files: string[]

beforeAll(() => {
  temporary = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'perf-test-pack-')))
  const source = path.join(temporary, 'source')
  copySources(source)
  // What `prepack` runs: npm would skip it here, since scripts are blocked.
  run(process.execPath, (manifest().scripts['prepack'] ?? '').split(' ').slice(1), source)
  const packed = JSON.parse(npm(source, ['pack', '--json', '--ignore-scripts', '--pack-destination', temporary])) as {
    filename: string
    files: { path: string }[]
  }[]
  files = packed[0]?.files.map((file) => file.path) ?? []
  // What URLs and file patterns take for something else.
  project = path.join(temporary, 'the #1 project é%41[x]')
  mkdirSync(project)
  writeFileSync(path.join(project, 'package.json'), '{ "name": "shop", "private": true }\n')
  npm(project, ['install', ...QUIET, path.join(temporary, packed[0]?.filename ?? ''), 'express@5.3.0'])
}, 240_000)

afterAll(() => rmSync(temporary, { recursive: true, force: true }))

it('holds what runs and what is read, and nothing else', () => {
  const outside = files.filter((file) => !/^(dist|docs)\//.test(file))
  const wanted = ['CHANGELOG.md', 'LICENSE', 'NOTICE', 'README.md', 'package.json', 'prices.json']
  expect(outside.sort()).toEqual(wanted.filter((file) => existsSync(path.join(repositoryRoot, file))))
  expect(files.filter((file) => /\.(test|map|tsbuildinfo)\b|(^|\/)(test|node_modules|\.perf)\//.test(file))).toEqual([])
  expect(files.filter((file) => file.endsWith('.ts') && !file.endsWith('.d.ts'))).toEqual([])
  expect(files).toEqual(expect.arrayContaining(['dist/boot.cjs', 'dist/writer.cjs', 'dist/integrations/pg.cjs', 'dist/types/src/api.d.ts']))
})

it('holds every file that its exports and commands name', () => {
  const { exports, bin } = manifest()
  const named = [...targets(exports), ...Object.values(bin)].map((file) => file.replace(/^\.\//, ''))
  expect(named.length).toBeGreaterThan(8)
  expect(named.filter((file) => !files.includes(file))).toEqual([])
})

describe.each(['esm', 'cjs'] as const)('a project that is %s', (format) => {
  it.each(['--import', '--require'])('is recorded with %s @perf/agent and reported', (flag) => {
    const perfDir = path.join(project, `.perf-${format}${flag}`)
    const app = writeApp(format)
    const { stderr, stdout, status } = spawnSync(nodeBinary(), [flag, '@perf/agent', app], {
      cwd: project,
      env: environment(perfDir),
      encoding: 'utf8',
    })
    expect([stderr, stdout, status]).toEqual(['', '{"greeting":"HELLO ADA"}\n', 0])

    const sessions = JSON.parse(cli(['sessions', '--dir', perfDir, '--json'])) as unknown[]
    expect(sessions).toHaveLength(1)
    const spans = readSession(sessionFolder(perfDir)).spans.map(({ layer, name }) => `${layer} ${name}`)
    expect(spans).toEqual(expect.arrayContaining(['http GET /hello/:name', 'step greet', 'tool shout']))
    const report = cli(['report', '--dir', perfDir])
    for (const text of ['shop', 'GET /hello/:name', 'greet', 'shout']) expect(report).toContain(text)
  })
})

it('stores what it records while the app runs', () => {
  const perfDir = path.join(project, '.perf-running')
  writeFileSync(
    path.join(project, 'waits.mjs'),
    `import { existsSync, readdirSync } from 'node:fs'
import { span } from '@perf/agent/api'
span('stored', () => {})
const isStored = () => existsSync(process.env.PERF_SESSION + '/hot') && readdirSync(process.env.PERF_SESSION + '/hot').some((name) => name.endsWith('.lmdb'))
const timer = setInterval(() => isStored() && clearInterval(timer), 20)
`,
  )
  const said = cli(['run', '--dir', perfDir, 'waits.mjs'])
  expect(said).toBe('')
  expect(readSession(sessionFolder(perfDir)).spans.map(({ name }) => name)).toEqual(['stored'])
  expect(cli(['sql', '--dir', perfDir, '--csv', 'SELECT name FROM spans'])).toMatch(/^name\s+stored\s+$/)
  for (const args of [
    ['archive', 'last'],
    ['archive', 'last', '--restore'],
  ])
    cli([...args, '--dir', perfDir])
  expect(cli(['sql', '--dir', perfDir, '--csv', 'SELECT name FROM spans'])).toMatch(/^name\s+stored\s+$/)
})

it('lets a program read and judge a session', () => {
  const perfDir = path.join(project, '.perf-read')
  spawnSync(nodeBinary(), ['--import', '@perf/agent', writeApp('esm')], { cwd: project, env: environment(perfDir) })
  writeFileSync(
    path.join(project, 'read.mjs'),
    `import { listSessions, openSession } from '@perf/agent/store'
import { buildReport, compareSamples, findAll } from '@perf/agent/analysis'
const [session] = listSessions(process.env.PERF_DIR)
const reader = await openSession(session)
const [{ n }] = await reader.rows("SELECT count(*) AS n FROM spans WHERE name = 'greet'")
const report = await buildReport(reader)
const findings = await findAll(reader)
reader.close()
const samples = (value) => Array.from({ length: 40 }, (_, i) => ({ value: value + i / 100, weight: 1 }))
console.log(JSON.stringify([n, Object.keys(report).length > 5, Array.isArray(findings), compareSamples(samples(1), samples(3)).verdict]))
`,
  )
  const read = spawnSync(nodeBinary(), ['read.mjs'], {
    cwd: project,
    env: { ...environment(perfDir), PERF_ENABLED: 'false' },
    encoding: 'utf8',
  })
  expect([read.stderr, read.stdout]).toEqual(['', '[1,true,true,"slower"]\n'])
})

it.each(['import', 'require'] as const)('measures with what %s of @perf/agent/bench gives', (how) => {
  const file = how === 'import' ? 'lengths.bench.mjs' : 'lengths.bench.cjs'
  const load = how === 'import' ? `import { benchmark } from '@perf/agent/bench'` : `const { benchmark } = require('@perf/agent/bench')`
  const options = `{ name: 'lengths', rounds: 5, timeMs: 5, warmupMs: 1, implementations: { a: (l) => l.length, b: (l) => l.length + 1 }, scenarios: ['strings'] }`
  writeFileSync(path.join(project, file), `${load}\nvoid benchmark(${options})\n`)
  const env = environment(path.join(project, `.perf-bench-${how}`))
  const { status, stdout } = spawnSync(path.join(project, 'node_modules', '.bin', 'perf-agent'), ['bench', file], {
    cwd: project,
    env,
    encoding: 'utf8',
  })
  expect(stdout).toContain('b is not timed: gave another output: 1001 instead of 1000')
  expect(status).toBe(1)
})

describe.each(['nodenext', 'bundler'] as const)('the types of @perf/agent/api and /bench under moduleResolution %s', (resolution) => {
  it('compile in a strict project without other types', () => {
    const folder = path.join(project, `types-${resolution}`)
    mkdirSync(folder)
    const options = {
      strict: true,
      exactOptionalPropertyTypes: true,
      skipLibCheck: false,
      noEmit: true,
      types: [],
      target: 'ES2022',
      lib: ['ES2022'],
      ...(resolution === 'nodenext' ? { module: 'NodeNext' } : { module: 'ESNext', moduleResolution: 'Bundler' }),
    }
    writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.mts', '*.cts'] }))
    writeFileSync(path.join(folder, 'consumer.mts'), CONSUMER)
    if (resolution === 'nodenext') writeFileSync(path.join(folder, 'consumer.cts'), CONSUMER)
    const tsc = spawnSync(process.execPath, [path.join(repositoryRoot, 'node_modules/typescript/bin/tsc'), '-p', folder], {
      encoding: 'utf8',
    })
    expect([tsc.stdout + tsc.stderr, tsc.status]).toEqual(['', 0])
  })
})

const CONSUMER = `import '@perf/agent'
import '@perf/agent/register'
import { annotate, currentSpan, span, startSpan, step, tool, track, traced, workflow, type Attributes } from '@perf/agent/api'

import { benchmark, scenario, standardScenarios, type BenchmarkResult, type Scenario } from '@perf/agent/bench'

import type { Finding, ReportData } from '@perf/agent/analysis'
import type { SessionReader } from '@perf/agent/store'

export const costliest = (found: readonly Finding[]): string | undefined => found[0]?.next_command
export type Both = [SessionReader, ReportData]

const few: Scenario<number[]> = scenario('numbers', { size: 3 })
export const names: string[] = standardScenarios
export const measured: Promise<BenchmarkResult> = benchmark({
  name: 'sum',
  implementations: { a: (list: number[]) => list.length, b: async (list: number[]) => list.length },
  scenarios: { few, more: (random) => [random.integer(1, 6)] },
})
export const named = benchmark({ name: 'sum', implementations: { a: (list: number[]) => list.length }, scenarios: ['numbers'] })
// @ts-expect-error -- the standard scenario gives strings
void benchmark({ name: 'sum', implementations: { a: (list: number[]) => list.length }, scenarios: ['strings'] })

const attributes: Attributes = { 'shop.id': 7, 'shop.open': true }
export const now: number = span('now', () => 1, attributes)
export const later: Promise<string> = workflow('later', async (current) => (current.annotate(attributes), current.traceId))
export const add: (a: number, b: number) => number = tool('add', (a: number, b: number) => a + b)
export const tracked: (id: string) => Promise<number> = track({ layer: 'step', name: 'load' }, async (id: string) => id.length)
export class Agent {
  @traced({ layer: 'step' })
  async plan(goal: string): Promise<string> {
    using _scope = startSpan('plan')
    annotate({ goal: currentSpan()?.spanId ?? '' })
    return step('inner', () => goal)
  }
}
// @ts-expect-error -- an attribute is no object
annotate({ nested: { no: 1 } })
// @ts-expect-error -- the wrapped function keeps its type
add('1', 2)
`

function writeApp(format: 'esm' | 'cjs'): string {
  const imports = {
    http: 'node:http',
    express: 'express',
    '{ step }': '@perf/agent/api',
    '{ shout }': `./tools/shout.${format}.${ending(format)}`,
  }
  const head = Object.entries(imports).map(([names, from]) =>
    format === 'esm' ? `import ${names} from '${from}'` : `const ${names} = require('${from}')`,
  )
  mkdirSync(path.join(project, 'tools'), { recursive: true })
  const shout = 'function shout(text) { return text.toUpperCase() }\n'
  writeFileSync(
    path.join(project, 'tools', `shout.${format}.${ending(format)}`),
    format === 'esm' ? `export ${shout}` : `${shout}module.exports = { shout }\n`,
  )
  const name = `app.${ending(format)}`
  writeFileSync(
    path.join(project, name),
    `${head.join('\n')}
const app = express()
app.get('/hello/:name', async (request, response) => {
  const greeting = await step('greet', async () => shout('hello ' + request.params.name))
  response.json({ greeting })
})
const server = http.createServer(app).listen(0, '127.0.0.1', async () => {
  const answer = await fetch('http://127.0.0.1:' + server.address().port + '/hello/ada', { headers: { connection: 'close' } })
  console.log(await answer.text())
  server.close()
})
`,
  )
  return name
}

function ending(format: 'esm' | 'cjs'): string {
  return format === 'esm' ? 'mjs' : 'cjs'
}

/** As a clone has them; the development packages are linked. */
function copySources(target: string): void {
  cpSync(repositoryRoot, target, {
    recursive: true,
    filter: (file) => {
      const [first = ''] = path.relative(repositoryRoot, file).split(path.sep)
      return !NOT_COPIED.has(first) && !first.startsWith('dist.')
    },
  })
  symlinkSync(path.join(repositoryRoot, 'node_modules'), path.join(target, 'node_modules'), 'dir')
}

function manifest(): Manifest {
  return JSON.parse(readFileSync(path.join(repositoryRoot, 'package.json'), 'utf8')) as Manifest
}

function targets(value: unknown): string[] {
  return typeof value === 'string' ? [value] : Object.values(value as Record<string, unknown>).flatMap(targets)
}

/** The command as npx finds it, on the Node under test. */
function cli(args: string[]): string {
  return run('npx', ['--no-install', 'perf-agent', ...args], project, environment(''))
}

function environment(perfDir: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(NODE_|PERF_|OTEL_|VITEST|npm_)/.test(name))
  const search = [path.dirname(nodeBinary()), process.env['PATH']].join(path.delimiter)
  return { ...Object.fromEntries(kept), PATH: search, PERF_DIR: perfDir, PERF_TOOLS: 'tools/**#*', NO_COLOR: '1' }
}

function sessionFolder(perfDir: string): string {
  const [session] = JSON.parse(cli(['sessions', '--dir', perfDir, '--json'])) as { session: string }[]
  return path.join(perfDir, 'sessions', session?.session ?? '')
}

function npm(cwd: string, args: string[]): string {
  return run('npm', args, cwd)
}

/** Standard output; throws with everything the program said when it fails. */
function run(program: string, args: string[], cwd: string, env: NodeJS.ProcessEnv = process.env): string {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} ended with code ${status}:\n${stdout}${stderr}`)
  return stdout
}
