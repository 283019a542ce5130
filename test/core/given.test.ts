// A function that is given to the patched one (an executor, a handler) is recorded in its place.
import { describe, expect, it } from 'vitest'
import { wrapGiven } from '../../src/core/given.ts'
import { target, type Target } from '../../src/core/integration.ts'
import type { Runtime } from '../../src/core/runtime.ts'

const started: unknown[] = []
const recorder = {
  start: (name: string) => {
    started.push(name)
    return { ended: false, trace: {} }
  },
  end: () => undefined,
}
const runtime = { recorder, recording: true, fault: '', allowsPropagation: () => false } as unknown as Runtime
const executor = target<{ args: [name: string] }>({
  path: 'attach',
  given: '0.run',
  versions: '*',
  settles: 'return',
  start: ({ args: [name] }) => ({ name }),
}) as unknown as Target<{ self: unknown; args: unknown[]; result: unknown }>

const keyed = target<{ args: [name: string] }>({
  path: 'attach',
  given: '0.tools.*.run',
  versions: '*',
  settles: 'return',
  start: ({ key, args: [name] }) => ({ name: `${key} ${name}` }),
}) as unknown as typeof executor

const wrap = (attach: (...args: unknown[]) => unknown, place: string, definition = executor) =>
  wrapGiven(attach, definition, place, 'db', 'lib', { name: 'lib', version: '1.0.0' }, runtime) as typeof attach

describe('wrapGiven', () => {
  it('records the given function and leaves the object that holds it alone', () => {
    const run = (name: string) => `ran ${name}`
    const config = { run, other: 1 }
    let held: { run: typeof run; other: number } | undefined
    wrap((given) => (held = given as typeof config), '0.run')(config)
    expect(config.run).toBe(run)
    expect(held?.other).toBe(1)
    started.length = 0
    expect(held?.run('GET')).toBe('ran GET')
    expect(started).toEqual(['GET'])
  })
  it('gives the same wrapper for the same function', () => {
    const handler = () => undefined
    const seen: unknown[] = []
    const register = wrap((_name, given) => seen.push(given), '1')
    register('a', handler)
    register('b', handler)
    expect(seen[0]).not.toBe(handler)
    expect(seen[1]).toBe(seen[0])
  })
  it('records a function that the object keeps, once', () => {
    const runner = { run: (name: string) => `ran ${name}` }
    const start = wrap(function (this: unknown) {
      return this
    }, 'this.run')
    expect(Reflect.apply(start, runner, [])).toBe(runner)
    Reflect.apply(start, runner, [])
    started.length = 0
    expect(runner.run('GET')).toBe('ran GET')
    expect(started).toEqual(['GET'])
  })
  it('passes on what holds no function there', () => {
    const seen: unknown[][] = []
    const attach = wrap((...args) => seen.push(args), '0.run')
    const config = { run: 'text' }
    attach()
    attach(undefined, 2)
    attach(config)
    expect(seen).toEqual([[], [undefined, 2], [config]])
    expect(seen[2]?.[0]).toBe(config)
  })
  it('records every function of a table and tells under which key it stood', () => {
    const shared = (name: string) => `ran ${name}`
    const tools = Object.freeze({ one: Object.freeze({ run: shared }), two: { run: shared }, three: { other: 1 }, four: undefined })
    let held: { tools: Record<string, { run: typeof shared }> } | undefined
    const attach = wrap((given) => (held = given as typeof held), '0.tools.*.run', keyed)
    attach({ tools })
    started.length = 0
    expect([held?.tools['one']?.run('a'), held?.tools['two']?.run('b')]).toEqual(['ran a', 'ran b'])
    expect(started).toEqual(['one a', 'two b'])
    expect(held?.tools['three']).toBe(tools.three)
    expect(tools.one.run).toBe(shared)
    const first = held?.tools['one']?.run
    attach({ tools })
    expect(held?.tools['one']?.run).toBe(first)
  })
  it('leaves an instance to itself: private fields, accessors, what its methods change', () => {
    class Model {
      #calls = 0
      readonly name = 'model'
      get calls() {
        return this.#calls
      }
      count() {
        return ++this.#calls
      }
      run(name: string) {
        return `${name} ${this.count()}`
      }
    }
    const model = new Model()
    let held: { settings: { model: Model } } | undefined
    const hold = (agent: typeof held) => (held = agent)
    class Agent {
      settings = { model }
      go() {
        this.prepare()
      }
      prepare() {
        hold(this)
      }
    }
    const agent = new Agent()
    wrap(agent.go as () => unknown, 'this.settings.model.run').call(agent)
    const seen = held?.settings.model
    started.length = 0
    expect([seen?.run('a'), seen?.count(), seen?.calls, model.calls, seen?.name]).toEqual(['a 1', 2, 2, 2, 'model'])
    expect(started).toEqual(['a'])
    expect(seen).toBeInstanceOf(Model)
    expect(seen?.constructor).toBe(Model)
    expect(seen?.count).toBe(seen?.count)
    expect([agent.settings.model === model, Object.hasOwn(model, 'run')]).toEqual([true, false])
  })
  it('runs a given function on the object that the app gave', () => {
    const config = {
      count: 0,
      run() {
        return ++this.count
      },
    }
    let held: typeof config | undefined
    wrap((given) => (held = given as typeof config), '0.run')(config)
    expect([held?.run(), config.count]).toEqual([1, 1])
  })
  it.each([undefined, true])('records what a function makes, and knows of what it made that (only called: %s)', (onlyCalled) => {
    const definition = target<{ args: [name: string] }>({
      path: 'make',
      given: 'result',
      ...(onlyCalled && { onlyCalled }),
      versions: '*',
      settles: 'return',
      start: ({ madeOf, args: [name] }) => ({ name: `${String(madeOf?.[0])} ${name}` }),
    }) as unknown as typeof executor
    const make = wrap(
      (greeting) =>
        function said(this: unknown, name: unknown) {
          return [this, greeting, name]
        },
      'result',
      definition,
    ) as (greeting: string) => (name: string) => unknown
    const [hello, bye] = [make('hello'), make('bye')]
    const self = {}
    started.length = 0
    expect([hello.call(self, 'a'), bye.call(self, 'b'), hello.call(self, 'c')]).toEqual([
      [self, 'hello', 'a'],
      [self, 'bye', 'b'],
      [self, 'hello', 'c'],
    ])
    expect(started).toEqual(['hello a', 'bye b', 'hello c'])
    expect([hello.name, hello.length]).toEqual(onlyCalled === true ? ['', 0] : ['said', 1])
  })
})
