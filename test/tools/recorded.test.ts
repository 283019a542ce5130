// PERF_TOOLS in real programs: every form of a function, in every kind of file, is a span per call, and the app sees no difference.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { runCli } from '../support/cli.ts'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { readSession } from '../support/read-session.ts'
import { importUrl, runNode, sessionsIn, steady, writeProject } from '../support/run-node.ts'

/** `T` stands for a type annotation: removed in JavaScript. */
const BODY = `
/** Searches. */
async function search(query T) { await tick(); return 'found ' + query + hidden(1) }
function hidden(n T) { return n + 1 } // not exported
const arrow = async (a T, b T = 2) => { await tick(); return a + b }
const expression = function (x T) { return x * 2 }
function* counting(to T) { for (let i = 0; i < to; i++) yield i }
async function* streaming(to T) { for (let i = 0; i < to; i++) { await tick(); yield 'part ' + i } }
class Shop {
  total = 0
  static open(name T) { return new Shop().sell(name) }
  async sell(name T) { await tick(); this.total++; return name + this.total }
  *items() { yield 'a'; yield 'b' }
  async *orders() { yield 1; await tick(); yield 2 }
}
const tools = {
  weather: { description: 'Weather', execute: async (city T) => { await tick(); return city + ' is dry' } },
  method(x T) { return 'method ' + x },
  list: [{ name: 'first', handler: function (x T) { return 'handler ' + x } }],
}
const registry = [{ handler: search }, { handler: hidden }]
async function failing() { await tick(); throw new RangeError('no stock') }
function tick() { return new Promise((resolve) => setTimeout(resolve, 1)) }
`
/** Functions that give the places in the program they were called through. */
const PLACES = `
function trace() { return new Error('here').stack.split('\\n').slice(1).filter((line) => /tools\\/|app\\./.test(line)).map((line) => line.trim()) }
const places = {
  sync: (x T) => trace(), later: async (x T) => { await Promise.resolve(); return trace() },
  *made(x T) { yield trace() },
  table: [{ execute(x T) { /* a comment */ return trace() } }],
}
function multiline( // a comment
  first T,
    second T = trace()) { const inner = () => trace(); return [second, inner()] }
class Holder {
  value T = trace(); async method(x T) { try { await Promise.reject(new Error('here')) } catch { return trace() } }
}
async function thrown(x T) { throw new RangeError('there') }
`
const USE_PLACES = `
async function main(it) {
  const out = [it.places.sync(1), await it.places.later(2), [...it.places.made(3)], it.places.table[0].execute(4), it.multiline(5)]
  const holder = new it.Holder(); out.push(holder.value, await holder.method(6))
  out.push(await it.thrown(7).catch((error) => error.stack.split('\\n').slice(0, 2)))
  console.log(JSON.stringify(out, null, 1))
}
`
const NAMES = ['search', 'arrow', 'expression', 'counting', 'streaming', 'Shop', 'tools', 'registry', 'failing']

const USE = `
async function main(it, fallback) {
  const out = []
  const all = async (iterable) => { const parts = []; for await (const part of iterable) parts.push(part); return parts }
  out.push(await it.search('q'), await it.arrow(1), it.expression(4), [...it.counting(3)], await all(it.streaming(2)))
  out.push(await it.Shop.open('tea'), [...new it.Shop().items()], await all(new it.Shop().orders()))
  out.push(await it.tools.weather.execute('Oslo'), it.tools.method(1), it.tools.list[0].handler(2), await it.registry[0].handler('r'), it.registry[1].handler(1))
  out.push(await it.failing().catch((error) => error.name + ': ' + error.message), fallback(3))
  out.push(it.search.name, it.search.length, it.arrow.length, Object.prototype.toString.call(it.streaming), it.counting.constructor.name, fallback.name)
  for await (const part of it.streaming(9)) { out.push(part); break }
  console.log(JSON.stringify(out))
}
`
const CALLS: Record<string, number> = {
  search: 2,
  hidden: 3,
  arrow: 1,
  expression: 1,
  counting: 1,
  streaming: 2,
  'Shop.open': 1,
  'Shop.sell': 1,
  'Shop.items': 1,
  'Shop.orders': 1,
  'tools.weather.execute': 1,
  'tools.method': 1,
  failing: 1,
}

interface Kind {
  entry: string
  tool: string
  module: 'esm' | 'cjs'
  typed: boolean
  /** Runs TypeScript through tsx, loaded after or before the agent. */
  tsx?: 'after' | 'before'
}
const KINDS: Record<string, Kind> = {
  esm: { entry: 'app.mjs', tool: 'tools/all.mjs', module: 'esm', typed: false },
  cjs: { entry: 'app.cjs', tool: 'tools/all.cjs', module: 'cjs', typed: false },
  'cjs from esm': { entry: 'app.mjs', tool: 'tools/all.cjs', module: 'cjs', typed: false },
  ...(nodeMajor() >= 22
    ? {
        'TypeScript, esm, stripped by Node': { entry: 'app.mts', tool: 'tools/all.mts', module: 'esm', typed: true },
        'TypeScript, cjs, stripped by Node': { entry: 'app.cts', tool: 'tools/all.cts', module: 'cjs', typed: true },
      }
    : {}),
  'TypeScript, esm, under tsx': { entry: 'app.mts', tool: 'tools/all.mts', module: 'esm', typed: true, tsx: 'after' },
  // docs/known-gaps.md: on Node 20 tsx reads CommonJS TypeScript past the hooks of what was loaded before it.
  ...(nodeMajor() < 22
    ? {}
    : { 'TypeScript, cjs, under tsx': { entry: 'app.cts', tool: 'tools/all.cts', module: 'cjs', typed: true, tsx: 'after' } }),
  'TypeScript, esm, under tsx before the agent': { entry: 'app.mts', tool: 'tools/all.mts', module: 'esm', typed: true, tsx: 'before' },
  'TypeScript, cjs, under tsx before the agent': { entry: 'app.cts', tool: 'tools/all.cts', module: 'cjs', typed: true, tsx: 'before' },
} as const satisfies Record<string, Kind>

const TSX = path.join(repositoryRoot, 'node_modules', 'tsx', 'dist', 'loader.mjs')

describe.each(Object.entries(KINDS))('%s', (_name, kind) => {
  it('records every call once, with the results of the bare program', async () => {
    const { cwd, args } = program(kind)
    const env = { PERF_TOOLS: 'tools/**#*' }
    const bare = await runNode([...tsxFlags(kind), ...args], { cwd })
    expect(bare.stderr.replace(/^\(node:.*\n|^\(Use .*\n/gm, '')).toBe('')
    const flags = ['--import', importUrl()]
    const preload = kind.tsx === 'before' ? [...tsxFlags(kind), ...flags] : [...flags, ...tsxFlags(kind)]
    expect(steady(await runNode([...preload, ...args], { cwd, env }))).toEqual(steady(bare))

    const { spans, counters, variants } = readSession(sessionsIn(cwd)[0])
    const tools = spans.filter((span) => span.layer === 'tool')
    const counts: Record<string, number> = {}
    for (const { name } of tools) counts[name] = (counts[name] ?? 0) + 1
    const {
      tick: _tick,
      default: _default,
      ...named
    } = Object.fromEntries(Object.entries(counts).filter(([name]) => !/handler$|fallback/.test(name)))
    expect(named).toEqual(CALLS)
    expect(Object.entries(counts).filter(([name]) => name.endsWith('handler'))).toMatchObject([[expect.any(String), 1]])
    expect(tools.filter((span) => span.status === 'error').map(({ name }) => name)).toEqual(['failing'])
    expect(counters['faults'] ?? 0).toBe(0)
    expect(tools.filter((span) => span.open)).toEqual([])
    expect(new Set(tools.map((span) => span.variant)).size).toBe(variants.length)
  })

  it('keeps file, line and column of every place in a stack', async () => {
    const { cwd, args } = program(kind, { body: PLACES, use: USE_PLACES, names: ['places', 'multiline', 'Holder', 'thrown'] })
    const flags = ['--import', importUrl()]
    const preload = kind.tsx === 'before' ? [...tsxFlags(kind), ...flags] : [...flags, ...tsxFlags(kind)]
    // The agent's frames take their share of the ten that Node keeps.
    const all = '--stack-trace-limit=100'
    // Any preload makes Node 22 name CommonJS TypeScript by its URL.
    const bare = await runNode([all, '--import', 'data:text/javascript,', ...tsxFlags(kind), ...args], { cwd })
    const recorded = await runNode([all, ...preload, ...args], { cwd, env: { PERF_TOOLS: 'tools/**#*' } })
    expect(recorded.stdout).toBe(bare.stdout)
    expect(bare.stdout.match(/tools\/all\.\w+:\d+:\d+/g)?.length).toBeGreaterThan(10)
    expect(readSession(sessionsIn(cwd)[0]).spans.filter(({ layer }) => layer === 'tool').length).toBeGreaterThan(7)
  })
})

it('keeps source, hash, file, line and commit of every variant', async () => {
  const { cwd, args } = program({ entry: 'app.mjs', tool: 'tools/all.mjs', module: 'esm', typed: false })
  const git = (...command: string[]): string =>
    execFileSync('git', ['-c', 'user.name=t', '-c', 'user.email=t@t', ...command], { cwd, encoding: 'utf8' }).trim()
  git('init', '-q')
  git('add', 'tools', args[0] ?? '', 'package.json')
  git('commit', '-q', '-m', 'one')
  const env = { PERF_TOOLS: 'tools/**#*' }
  await runNode(['--import', '@perf/agent', ...args], { cwd, env })
  const sql = async (text: string): Promise<Record<string, unknown>[]> => {
    const { stdout, stderr } = await runCli(['sql', text, '--json'], { cwd })
    expect(stderr).toBe('')
    return JSON.parse(stdout) as Record<string, unknown>[]
  }
  const rows = await sql(
    `SELECT variant, name, file, line, git_commit, source, calls FROM variants WHERE name IN ('search', 'Shop.sell', 'hidden') ORDER BY name`,
  )
  const lines = readFileSync(path.join(cwd, 'tools', 'all.mjs'), 'utf8').split('\n')
  const lineOf = (text: string): number => lines.findIndex((line) => line.includes(text)) + 1
  expect(rows.map(({ variant: _variant, source: _source, ...row }) => row)).toMatchObject([
    { name: 'Shop.sell', line: lineOf('async sell('), git_commit: git('rev-parse', 'HEAD'), calls: 1 },
    { name: 'hidden', line: lineOf('function hidden('), git_commit: git('rev-parse', 'HEAD'), calls: 3 },
    { name: 'search', line: lineOf('async function search('), git_commit: git('rev-parse', 'HEAD'), calls: 2 },
  ])
  for (const { file } of rows) expect(String(file).endsWith('tools/all.mjs')).toBe(true)
  expect(rows[2]?.['source']).toContain(`return 'found ' + query + hidden(1)`)
  const [joined] = await sql(`SELECT count(*) AS n FROM spans s JOIN variants v USING (variant) WHERE s.layer = 'tool' AND v.name = s.name`)
  const [tools] = await sql(`SELECT count(*) AS n FROM spans WHERE layer = 'tool'`)
  expect(joined).toEqual(tools)
})

it('a comment or a space makes no new variant, a change of the code does', async () => {
  const variantOf = async (source: string): Promise<string | undefined> => {
    const cwd = writeProject({ 'tools/one.mjs': source, 'app.mjs': `import { one } from './tools/one.mjs'\none(1)\n` })
    await runNode(['--import', '@perf/agent', 'app.mjs'], { cwd, env: { PERF_TOOLS: 'tools/**#*' } })
    return readSession(sessionsIn(cwd)[0]).spans.find(({ name }) => name === 'one')?.variant
  }
  const first = await variantOf(`export function one(n) { return n + 1 }\n`)
  expect(first).toMatch(/^[0-9a-f]{16,}$/)
  expect(await variantOf(`// a comment\nexport function one(n) {\n  /* why */\n  return   n + 1 // more\n}\n`)).toBe(first)
  expect(await variantOf(`export function one(n) { return n + 2 }\n`)).not.toBe(first)
})

interface Content {
  body: string
  use: string
  names: readonly string[]
}

const EVERY_FORM: Content = { body: BODY, use: USE, names: NAMES }

function program(kind: Kind, content = EVERY_FORM): { cwd: string; args: string[] } {
  const { entry, tool, module, typed } = kind
  const body = content.body.replaceAll(' T', typed ? ': any' : '')
  const source =
    module === 'esm'
      ? `${body}\nexport { ${content.names.join(', ')} }\nexport default function fallback(n${typed ? ': number' : ''}) { return 'default ' + n }\n`
      : `${body}\nmodule.exports = { ${content.names.join(', ')} }\nmodule.exports.default = function fallback(n${typed ? ': number' : ''}) { return 'default ' + n }\n`
  const use = typed ? `// @ts-nocheck\n${content.use}` : content.use
  const isEsm = /\.mjs$|\.mts$/.test(entry)
  const load = isEsm
    ? module === 'esm'
      ? `import * as all from './${tool}'\n${use}\nawait main(all, all.default)\n`
      : `import all from './${tool}'\n${use}\nawait main(all, all.default)\n`
    : `const all = require('./${tool}')\n${use}\nvoid main(all, all.default)\n`
  const cwd = writeProject({ [entry]: load, [tool]: source })
  return { cwd, args: [entry] }
}

function tsxFlags({ tsx }: Kind): string[] {
  return tsx === undefined ? [] : ['--import', `file://${TSX}`]
}
