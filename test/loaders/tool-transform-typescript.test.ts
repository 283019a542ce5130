import { transformSync } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { transformTools, type ToolFormat } from '../../loaders/tool-transform.ts'
import { nodeBinary } from '../support/node-under-test.ts'
import { cleanUp, runFixture, type FixtureRun } from './support/run-fixture.ts'

afterAll(cleanUp)

// As Node strips it: no enums, no parameter properties.
const erasable = `import type { Stats } from 'node:fs'
type Search = (query: string, limit?: number) => Promise<string>
interface Tool<T> { execute(argument: T): Promise<T> }
declare function at(fn: () => unknown): Promise<string>
export function boom(message: string): never
export function boom(message: string, code?: number): never { throw new Error(message) }
async function search<T extends string>(this: void, query: T): Promise<T> { await null; return boom(query) }
const arrow: Search = async (query: string, limit = 3): Promise<string> => boom(query as string)
export const generic = <T,>(x: T): T => boom(String(x)); let later: Search = async (q) => boom(q)
abstract class Base<T> { abstract run(x: T): void; protected hook?(): void; declare field: string }
class K<T> extends Base<T> implements Tool<T> {
  private handler = async (x: T): Promise<T> => boom(String(x))
  readonly table: Record<string, Search> = {}
  #secret<U>(x: U): U { return boom(String(x)) }
  async execute(argument: T): Promise<T> { return this.handler(argument) }
  override run(x: T): void { this.#secret<T>(x) }
  static make<T>(this: void, value?: T): K<T>
  static make<T>(): K<T> { return new K<T>() }
}
const tool = <T>(definition: T): T => definition
const tools = { plain: ((x: unknown) => boom(x as string)) as Search, weather: tool<Tool<string>>({ async execute(a: string) { return boom(a satisfies string) } }) } as const
const list: Search[] = [async (q: string) => boom(q), search satisfies Search]
const k = K.make<string>()
const calls: (() => unknown)[] = [() => search('a'), () => arrow('a'), () => generic(1), () => later('a'), () => k.execute('x'), () => k.run('x'), () => tools.weather.execute('a'),
  () => tools.plain('a'), () => list[0]!('a'), () => list[1]!('a')]
void (async () => { for (const call of calls) console.log(await at(call)) })()
`
const module = `${erasable}export default async function <T>(x: T): Promise<T> { return boom(String(x)) }\n`

const EXPECTED_CALLS = [
  'search',
  'arrow',
  'generic',
  'later',
  'K.make',
  'K.execute',
  'K.handler',
  'K.run',
  'K.#secret',
  'tools.weather.execute',
  'tools.plain',
  'list[0]',
]

function expectSame(run: FixtureRun): void {
  expect(run.wrapped).toBe(run.plain)
  expect(run.withoutRuntime).toBe(run.plain)
  expect(run.plain.match(/app\.c?ts:\d+:\d+/g)?.length).toBeGreaterThan(20)
  expect(run.calls).toEqual(expect.arrayContaining(EXPECTED_CALLS))
}

describe.each([22, 24, 26])('TypeScript as Node %i strips it', (major) => {
  const node = cachedNode(major)
  it.skipIf(node === undefined).each([
    ['app.ts', 'module-typescript', module],
    ['app.cts', 'commonjs-typescript', erasable.replaceAll('export ', '').replace(/^import type.*/, '')],
  ] as const)('%s: calls and places', async (name, format, source) => {
    const files = { [name]: source, 'package.json': '{"type":"module"}' }
    const flags = ['--experimental-strip-types', '--no-warnings']
    expectSame(await runFixture({ files, format, flags, ...(node === undefined ? {} : { node }) }))
  })
})

function cachedNode(major: number): string | undefined {
  try {
    return nodeBinary(major)
  } catch {
    return undefined
  }
}

describe('TypeScript under tsx, edited before tsx compiles it', () => {
  const compiled = `enum Color { Red = 'red' }
class P { constructor(private readonly tag: string) {} field = (x: string) => boom(x + this.tag); hello(x: string) { return boom(x) } }
const p = new P(Color.Red)
calls.push(
  () => p.field('a'),
  () => p.hello('b'),
)
`
  it.each([
    ['module', '{"type":"module"}'],
    ['commonjs-typescript', '{"type":"commonjs"}'],
  ] as const)('%s: calls and places', async (format, manifest) => {
    const source = module.replace('void (async', `${compiled}void (async`)
    const files = { 'app.ts': source, 'package.json': manifest }
    const run = await runFixture({ files, format, flags: ['--import', import.meta.resolve('tsx')] })
    expectSame(run)
    expect(run.calls).toEqual(expect.arrayContaining(['P.field', 'P.hello']))
  })
})

describe('JavaScript that tsx or ts-node compiled, with an inline source map', () => {
  const compile = (minifyWhitespace: boolean): string =>
    transformSync(module, {
      loader: 'ts',
      format: 'cjs',
      sourcemap: 'inline',
      sourcefile: 'app.ts',
      keepNames: true,
      minifyWhitespace,
      target: 'node20',
    }).code

  it.each([true, false])('keeps the map true (on one line: %s)', async (minifyWhitespace) => {
    const files = { 'app.cjs': compile(minifyWhitespace) }
    expectSame(await runFixture({ files, format: 'commonjs', flags: ['--enable-source-maps'] }))
  })

  it('sees through the function that tsx puts around CommonJS', async () => {
    const { code, map } = transformSync(module, {
      loader: 'ts',
      format: 'cjs',
      sourcemap: 'external',
      sourcefile: 'app.ts',
      keepNames: true,
      minifyWhitespace: true,
      banner: '__filename="/x/app.ts";(()=>{',
      footer: '})()',
    })
    const comment = `//# sourceMappingURL=data:application/json;base64,${Buffer.from(map).toString('base64')}`
    expectSame(await runFixture({ files: { 'app.cjs': `${code}\n${comment}` }, format: 'commonjs', flags: ['--enable-source-maps'] }))
  })

  it('gives the places in the source, and no helper of the compiler', () => {
    const tools = transformTools(compile(true), { filename: '/x/app.ts', format: 'commonjs', matchesName: () => true })?.tools ?? []
    expect(tools.map(({ name }) => name).filter((name) => name.startsWith('__') || name.includes('mod'))).toEqual([])
    expect(tools.find(({ name }) => name === 'search')).toMatchObject({ line: 7, kind: 'async' })
    expect(tools.find(({ name }) => name === 'K.execute')).toMatchObject({ line: 15, column: 3 })
  })
})

it.each(['module', 'commonjs-typescript'] as ToolFormat[])('TSX and decorators parse: %s', (format) => {
  const source = `@injectable() export class K { @tool({ name: 'x' }) async m(@inject() x: string) { return <b>{x}</b> } }\nexport const f = async <T,>(x: T) => <i/>`
  const names = transformTools(source, { filename: 'a.tsx', format, matchesName: () => true })?.tools.map(({ name }) => name)
  expect(names).toEqual(['K.m', 'f'])
})
