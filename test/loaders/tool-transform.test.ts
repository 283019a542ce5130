import { afterAll, describe, expect, it } from 'vitest'
import { transformTools } from '../../loaders/tool-transform.ts'
import { cleanUp, runFixture, type Fixture } from './support/run-fixture.ts'

afterAll(cleanUp)

const all = (): boolean => true
const transformModule = (source: string, matchesName: (name: string) => boolean = all) =>
  transformTools(source, { filename: 'a.mjs', format: 'module', matchesName })

async function runSame(fixture: Fixture) {
  const run = await runFixture(fixture)
  expect(run.wrapped).toBe(run.plain)
  expect(run.withoutRuntime).toBe(run.plain)
  return run
}

const esm = (source: string, more: Record<string, string> = {}): Promise<Awaited<ReturnType<typeof runFixture>>> =>
  runSame({ files: { 'app.mjs': source, ...more }, format: 'module' })
const cjs = (source: string, more: Record<string, string> = {}): Promise<Awaited<ReturnType<typeof runFixture>>> =>
  runSame({ files: { 'app.cjs': source, ...more }, format: 'commonjs' })

describe('which functions are wrapped', () => {
  it('declared functions, exported or not, also those captured before their line', async () => {
    const { calls } = await esm(`
      const registry = [{ handler: search }]
      export async function search(query) { return query + helper() }
      function helper() { return '!' }
      console.log(await registry[0].handler('a'), search.name, search.length)
    `)
    expect(calls).toEqual(['search', 'helper'])
  })

  it('functions in const, let and var, whose names still cannot be assigned to', async () => {
    const { calls } = await esm(`
      export const a = async (x) => x
      let b = function () { return this }
      var c = function named() { return named.name }, d = () => 'd'
      const e = () => 'e', f = [e]
      const kept = () => 1
      console.log(await a(1), b.call('self'), c(), d(), f[0]().concat(e.name), a.name, b.name, c.name)
      try { kept = 2 } catch (error) { console.log(error.message, kept(), kept.name) }
    `)
    expect(calls).toEqual(['a', 'b', 'd', 'e', 'kept'])
  })

  it('methods: instance, static, private, generators, fields; not constructors and accessors', async () => {
    const { calls } = await esm(`
      class Base { hello() { return 'base' } }
      export class K extends Base {
        static instance = new K('i')
        #secret = 41
        own = this.#add(1)
        static #count(n) { return n + K.total }
        static total = 5
        run = async (x) => x + this.#secret
        static quick = () => 'quick'
        #field = () => 'field'
        constructor(id) { super(); this.id = id; this.bound = this.hello.bind(this) }
        get value() { return this.#secret }
        hello() { return super.hello() + this.id }
        #add(x) { return this.#secret + x }
        has(o) { return #add in o }
        addAll() { return this.#add(1) + this.#field() }
        static make() { return this.#count(1) }
        async *each() { yield 1; yield 2 }
        'quoted name'() { return 'q' }
        [Symbol.iterator]() { return [][Symbol.iterator]() }
      }
      const one = new K('1')
      const seen = []
      for await (const x of one.each()) seen.push(x)
      console.log(K.instance.bound(), one.own, await one.run(1), K.quick(), one.value, one.bound(), one.hello(), one.addAll(), K.make(), seen)
      console.log(one['quoted name'](), one.has(one), one.has({}), Object.keys(one), [...one], K.prototype.hello.name, K.name, K.length)
      console.log(Object.getOwnPropertyNames(K.prototype).join(), Object.getOwnPropertyDescriptor(K.prototype, 'hello').enumerable)
      const Anonymous = class { m() { return 'm' } }
      console.log(new Anonymous().m(), Anonymous.name)
    `)
    expect(new Set(calls)).toEqual(
      new Set(
        'K.#add,K.hello,Base.hello,K.run,K.quick,K.addAll,K.#field,K.make,K.#count,K.each,K.quoted name,K.has,Anonymous.m'.split(','),
      ),
    )
  })

  it('object literals, arrays and call arguments, nested as one likes', async () => {
    const { calls } = await esm(`
      const tool = (definition) => definition
      const server = { registered: [], tool(name, schema, handler) { this.registered.push(handler); return this } }
      const defaults = { shared() { return 'from defaults' } }
      const tools = {
        weather: tool({ execute: async (a) => a, get lazy() { return 1 } }),
        news: { deep: { async read(x) { return this.tag + x }, tag: '#' } },
        'a-b': function () { return 'ab' },
        later: () => 'overwritten', ...defaults,
        shared: () => 'first', shared: () => 'second',
        ['computed']: () => 'computed',
      }
      const list = [async (x) => x, { name: 'third', handler: (x) => x }, , ...[() => 0], () => 'after spread']
      server.tool('temperature', {}, async (x) => x).tool('wind', {}, (x) => x)
      console.log(await tools.weather.execute(1), await tools.news.deep.read(2), tools['a-b'](), tools.later(), tools.shared(), tools.computed())
      console.log(await list[0](3), list[1].handler(4), list[4](), 2 in list, list.length, tools.weather.execute.name, list[0].name)
      console.log(await server.registered[0](5), server.registered[1](6))
      console.log(Object.getOwnPropertySymbols(tools).length, Object.keys(tools).join(), Object.keys(tools.weather).join())
      console.log([3, 1, 2].sort((a, b) => a - b).map((x) => x * 2).join())
    `)
    expect(calls).toEqual([
      'tool',
      'server.tool',
      'server.tool',
      'tools.weather.execute',
      'tools.news.deep.read',
      'tools.a-b',
      'tools.later',
      'tools.shared',
      'tools.computed',
      'list[0]',
      'third.handler',
      'list[4]',
      'temperature',
      'wind',
    ])
  })

  it('members with keys that are names of constants', async () => {
    const { calls } = await esm(`
      const KEY = { search: 'find' }
      const sign = Symbol('sign')
      const table = { [KEY.search]: async (x) => x, [sign]() { return 's' }, [String(1)]: (x) => x }
      class K { [KEY.search]() { return 1 } static async *[Symbol.asyncIterator]() { yield 2 } }
      console.log(await table.find(1), table[sign](), table[1](2), new K().find(), table.find.name, table[sign].name, table[1].name)
      for await (const x of K) console.log(x)
    `)
    expect(calls).toEqual(['table.KEY.search', 'table.sign', 'K.KEY.search'])
  })

  const defaults: [string, string][] = [
    ['anonymous function', 'export default async function (q) { return q }'],
    ['anonymous generator', 'export default function* (q) { yield q }'],
    ['anonymous async generator without spaces', 'export default async function*(q){ yield q }'],
    ['named function', 'export default async function named(q) { return q }'],
    ['arrow', 'export default async (q) => q'],
    ['arrow on the next line', 'export default\n  async (q) => q'],
    ['function expression', 'export default (function (q) { return q })'],
    ['named function expression', 'export default (function named(q) { return q })'],
  ]
  it.each(defaults)('default export: %s', async (_, source) => {
    const { calls } = await esm(
      `import * as lib from './lib.mjs'
      const result = await lib.default(1)
      if (Symbol.for('perf.agent.v1') in globalThis && String(lib.default) !== SOURCE) console.log(String(lib.default))
      console.log(lib.default.name, lib.default.length, typeof result, Object.keys(lib))
      for await (const x of typeof result === 'object' ? result : []) console.log(x)`.replace(
        'SOURCE',
        JSON.stringify(source.replace(/export default\s+/, '').replace(/^\((.*)\)$/, '$1')),
      ),
      { 'lib.mjs': source },
    )
    expect(calls).toEqual([source.includes('function named') && !source.includes('(function') ? 'named' : 'default'])
  })

  it('default export: class and object', async () => {
    const lib = 'export default class { m() { return 1 } }'
    const { calls } = await esm(`import K from './lib.mjs'; import o from './lib2.mjs'; console.log(new K().m(), K.name, o.execute())`, {
      'lib.mjs': lib,
      'lib2.mjs': 'export default { execute: () => 2 }',
    })
    expect(calls).toEqual(['default.m', 'default.execute'])
  })

  it('a default function stays usable in an import cycle before its module ran', async () => {
    await esm(`import './lib.mjs'; export default function () { return 'early' }`, {
      'lib.mjs': `import early from './app.mjs'; console.log(early())`,
    })
  })

  it('CommonJS exports in all their forms', async () => {
    const { calls } = await cjs(
      `const lib = require('./lib.cjs')
      console.log(lib.a(1), lib.b.name, lib.b(), lib.c(), lib.d(), new lib.Old(4).get(), lib.shorthand(), Object.keys(lib).join(), lib.a === lib.alias)
      console.log(require('./lib2.cjs')(7), require('./lib3.cjs').run())`,
      {
        'lib.cjs': `
          exports.a = exports.alias = (x) => x
          exports.b = async function named() {}
          module.exports.c = () => 'c'; module.exports['d'] = function () { return 'd' }
          function Old(x) { this.x = x }
          Old.prototype.get = function () { return this.x }
          exports.Old = Old
          const shorthand = () => 's'
          Object.assign(exports, { shorthand })
        `,
        'lib2.cjs': `'use strict'\nexports = module.exports = async function (x) { return typeof this }`,
        'lib3.cjs': `module.exports = { run() { return 'run' } }`,
      },
    )
    expect(calls).toEqual(['a', 'b', 'c', 'd', 'Old.get', 'shorthand', 'default', 'run'])
  })

  it('not functions inside functions, callbacks of well-known methods, immediately called ones, helpers of compilers', () => {
    const result = transformModule(`
      var __name = (target) => target
      function __export() {}
      function outer() { const inner = () => 1; return { a: () => inner } }
      ;(async () => { await outer() })()
      setTimeout(() => {}, 1)
      const doubled = [1].map((x) => x)
      const self = function counter() { counter.calls++ }
    `)
    expect(result?.tools.map(({ name }) => name)).toEqual(['outer'])
  })

  it('only the names asked for, by qualified or last name', () => {
    const source = `function a() {}\nfunction b() {}\nclass K { a() {} c() {} }\nconst t = { c: () => 1 }`
    const names = (wanted: string) => transformModule(source, (name) => name === wanted)?.tools.map(({ name }) => name)
    expect(names('a')).toEqual(['a', 'K.a'])
    expect(names('K.c')).toEqual(['K.c'])
    expect(names('c')).toEqual(['K.c', 't.c'])
    expect(names('nothing')).toBeUndefined()
  })
})

describe('a wrapped function looks like the original', () => {
  it('name, length, statics, toString, new, instanceof, prototype, kind', async () => {
    await cjs(`
      function Old(a, b) { if (!new.target) return 'called'; this.a = a }
      Old.prototype.get = function () { return this.a }
      Old.meta = { x: 1 }
      class Sub extends Old {}
      const arrow = async (x, y) => x
      function* gen() { yield 1 }
      const o = new Old(1)
      console.log(o.get(), o instanceof Old, o.constructor === Old, Old(), Old.meta.x, Object.keys(Old), new Sub(2).get(), new Sub(1) instanceof Sub)
      Old.prototype = { get: () => 'replaced' }
      console.log(new Old().get())
      console.log(arrow.constructor.name, gen.constructor.name, Object.prototype.toString.call(arrow), [...gen()], gen() instanceof gen)
      console.log(String(Old), String(arrow), \`\${gen}\`, Old.length, arrow.name)
    `)
  })
})

describe('places in stack traces are those of the file as written', () => {
  const body = `
const list = [{ handler: search }]
function boom() { throw new Error('boom') }
async function search(query) { await null; return boom(query) }
const arrow = async (x) => boom(x)
const sync = (x) => { const y = x; return boom(y) }; const next = () => boom()
let fnExpression = function () { return [1].map(() => boom()) } // comment
class K { m() { return boom() } static s() { return boom() } #p() { return boom() } callP() { return this.#p() } }
class L {
  field = () => boom()
  static field = async () => boom()
  m(a = 1) { return this.#p(a) }
  #p() { return boom() }
  *g() { yield boom() }
}
const tool = (x) => x
const tools = { plain: function () { return boom() }, weather: tool({ execute: async (a) => boom(a), other() { return boom() } }) }
const table = [async (x) => boom(x), { handler: (x) => boom(x), deep: [{ a() { return boom() } }] }, { handler: (x) => boom(x) }, () => boom()]
const multi = tool(
  async (a) => boom(a),
)
const block = tool(async (a) => {
  return boom(a)
})
const chosen = 1 > 0 ?
  (a) => boom(a) :
  (a) => boom(a)
const l = new L()
const places = [() => list[0].handler(), arrow, () => sync(), next, fnExpression, () => new K().m(), () => K.s(), () => new K().callP(), () => l.field(),
  () => L.field(), () => l.m(), () => [...l.g()], () => tools.weather.execute(), () => tools.weather.other(), () => tools.plain(), () => table[0](),
  () => table[1].handler(), () => table[1].deep[0].a(), () => table[2].handler(), () => table[3](), () => multi(), () => block(), () => chosen()]
;(async () => { for (const fn of places) console.log(await at(fn)) })()
`
  const exact: [string, 'module' | 'commonjs', string][] = [
    ['ESM', 'module', `import fs from 'node:fs'${body}`],
    ['ESM that begins with a comment', 'module', `// comment${body}`],
    ['ESM that begins with a shebang', 'module', `#!/usr/bin/env node${body}`],
    ['CommonJS that begins with a directive', 'commonjs', `'use strict'${body}`],
    ['CommonJS that begins with a statement', 'commonjs', `const one = Number('1');${body}`],
    ['CommonJS with a shebang, a directive and CRLF', 'commonjs', `#!/usr/bin/env node\n'use strict';\n${body}`.replaceAll('\n', '\r\n')],
  ]
  it.each(exact)('%s', async (_, format, source) => {
    const run = await runSame({ files: { [format === 'module' ? 'app.mjs' : 'app.cjs']: source }, format })
    expect(run.plain.match(/app\.[cm]js:\d+:\d+/g)?.length).toBeGreaterThan(45)
    expect(run.plain).not.toContain('nothing thrown')
  })

  it.each(['module', 'commonjs'] as const)('the first line of a file, %s', async (format) => {
    const name = format === 'module' ? 'app.mjs' : 'app.cjs'
    await runSame({
      files: { [name]: `const a = () => { throw new Error('a') }\nfunction b() { return a() }\nat(() => b())\nconsole.log(at(b))` },
      format,
    })
  })

  it('default exports', async () => {
    for (const source of ['export default async (a) => { throw new Error(a) }', 'export default async function (a) { throw new Error(a) }'])
      await esm(`import fn from './lib.mjs'\nconsole.log(await at(fn))`, { 'lib.mjs': source })
  })

  // The known limit: text has to stand before a function that is handed straight to a call.
  it('a function on the line of the call that takes it keeps its line; columns after it on that line move', async () => {
    const run = await runFixture({
      files: { 'app.mjs': `const tool = (x) => x\nconst t = tool(async (a) => { throw new Error(a) })\nconsole.log(await at(t))` },
      format: 'module',
      names: (name) => name === 't',
    })
    expect(run.plain).toBe('app.mjs:2:37 app.mjs:3:19\n')
    expect(run.wrapped).toBe(`app.mjs:2:${37 + '__perf$(0,'.length} app.mjs:3:19\n`)
  })
})

describe('hoisted functions', () => {
  it('are wrapped before the first statement that can hand them on', async () => {
    const { calls } = await cjs(`const fs = require('node:fs')
const early = [later]
run()
function run() { console.log(early[0]()) }
function later() { return 'later' }`)
    expect(calls).toEqual(['run', 'later'])
  })

  it('keep a directive first', async () => {
    await cjs(
      `'use strict'; console.log(this === module.exports, (function () { return this })()); function a() { return this }\nconsole.log(a())`,
    )
  })
})

describe('metadata', () => {
  it('gives name, place, range, kind and hash of every function', () => {
    const source = `import 'x'\nexport async function search(q) { return q }\nclass K {\n  *gen() {}\n}\n`
    const tools = transformModule(source)?.tools ?? []
    expect(tools).toMatchObject([
      { name: 'search', line: 2, column: 8, kind: 'async' },
      { name: 'K.gen', line: 4, column: 3, kind: 'generator' },
    ])
    expect(source.slice(tools[0]?.start, tools[0]?.end)).toBe('async function search(q) { return q }')
    expect(tools[0]?.hash).toMatch(/^[0-9a-f]{32}$/)
  })

  it('the hash ignores comments, white space and place, and nothing else', () => {
    const hash = (source: string) => transformModule(source)?.tools[0]?.hash
    const one = hash(`function a(x) { return x + \`\${x} y\` }`)
    expect(hash(`\n\n/** doc */ function a( x )\n{\n  // why\n  return x  + \`\${ x } y\`\n}`)).toBe(one)
    expect(hash(`function a(x) { return x + \`\${x}  y\` }`)).not.toBe(one)
    expect(hash(`function a(x) { return x - \`\${x} y\` }`)).not.toBe(one)
  })
})

describe('leaves the source alone', () => {
  it('when it was transformed already', () => {
    const once = transformModule('function a() {}')
    expect(once).toBeDefined()
    expect(transformModule(once?.code ?? '')).toBeUndefined()
  })

  it.each(['function (', 'const a = ;', '', 'export const x = 1', '{'])('when it does not parse or has no functions: %s', (source) => {
    expect(transformModule(source)).toBeUndefined()
  })

  it('when a name matcher throws', () => {
    expect(
      transformModule('function a() {}', () => {
        throw new Error('matcher')
      }),
    ).toBeUndefined()
  })
})
