// Runs inside the child: every exported function of a scenario in a span of its own, then prints one JSON line with what
// the app saw. `modules` maps import specifiers to namespaces whose shape the agent must not change.
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'

const RESERVED = new Set(['default', 'setup', 'teardown', 'operation'])

export async function drive(scenario, modules) {
  const warnings = []
  const unhandled = []
  process.on('warning', (warning) => warnings.push(`${warning.name}: ${warning.message}`))
  process.on('unhandledRejection', (error) => unhandled.push(describeError(error)))
  const shapes = Object.fromEntries(Object.entries(modules).map(([name, namespace]) => [name, shapeOf(namespace)]))
  const results = {}
  await scenario.setup?.()
  for (const name of Object.keys(scenario).sort()) {
    if (RESERVED.has(name) || typeof scenario[name] !== 'function') continue
    results[name] = await outcome(() => span(`case ${name}`, () => scenario[name]()))
    await sleep(0)
  }
  if (scenario.operation) Object.assign(results, await driveOperation(scenario.operation))
  await scenario.teardown?.()
  await sleep(10)
  process.stdout.write(`\nRESULT ${JSON.stringify({ results, shapes, warnings, unhandled })}\n`)
}

/** One typical call in the constellations where agents lose the context. `operation(i)` resolves to something that tells `i`. */
async function driveOperation(operation) {
  return {
    nesting: await outcome(() =>
      span('case nesting', async () => {
        const values = [await operation(0)]
        await sleep(1)
        values.push(await span('inner', async () => [await operation(1), await operation(2)]))
        return [...values, await operation(3)]
      }),
    ),
    concurrency: await outcome(() =>
      Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          span(`request ${i}`, async () => {
            await sleep(i % 7)
            return operation(i)
          }),
        ),
      ),
    ),
    siblings: await outcome(() => span('case siblings', () => Promise.all(Array.from({ length: 20 }, (_, i) => operation(i))))),
  }
}

async function outcome(run) {
  try {
    return { ok: true, value: plain(await run()) }
  } catch (error) {
    return { ok: false, error: describeError(error) }
  }
}

function plain(value) {
  return value === undefined ? null : JSON.parse(JSON.stringify(value))
}

/** What an app can see of an error; of the stack the first line only, frames may differ. */
export function describeError(error) {
  if (!(error instanceof Error)) return { thrown: String(error) }
  const own = Object.keys(error).sort()
  return {
    class: error.constructor.name,
    name: error.name,
    message: error.message,
    code: error.code,
    own,
    stack: error.stack?.split('\n')[0],
  }
}

/** Every function and property that can be reached from `root`: descriptor, `name`, `length`, order of keys. */
export function shapeOf(root) {
  const shape = {}
  const seen = new Set()
  const walk = (value, path, depth) => {
    if ((typeof value !== 'object' && typeof value !== 'function') || value === null || seen.has(value)) return
    seen.add(value)
    shape[`keys ${path}`] = keysOf(value).join(',')
    for (const key of Reflect.ownKeys(value)) {
      const descriptor = Object.getOwnPropertyDescriptor(value, key)
      const place = `${path}.${String(key)}`
      shape[place] = describeProperty(descriptor)
      // `constructor` points back to where the walk came from.
      if (depth > 0 && key !== 'constructor' && 'value' in descriptor && isOurs(descriptor.value)) walk(descriptor.value, place, depth - 1)
    }
  }
  walk(root, '', 5)
  return shape
}

const BUILT_IN = ['length', 'name', 'arguments', 'caller', 'prototype']

/** In their order; what V8 gives every function comes first, in ours: its order depends on whether the function is strict. */
function keysOf(value) {
  const keys = Reflect.ownKeys(value).map(String)
  if (typeof value !== 'function') return keys
  return [...BUILT_IN.filter((key) => keys.includes(key)), ...keys.filter((key) => !BUILT_IN.includes(key))]
}

function describeProperty(descriptor) {
  const flags = ['enumerable', 'configurable', 'writable'].filter((flag) => descriptor[flag]).join(' ')
  if (!('value' in descriptor)) return `accessor ${descriptor.get ? 'get' : ''}${descriptor.set ? 'set' : ''} ${flags}`
  const { value } = descriptor
  return typeof value === 'function' ? `function ${value.name}/${value.length} ${flags}` : `${typeof value} ${flags}`
}

/** Built-in objects, bound functions and instances are not the library's interface. */
function isOurs(value) {
  if (typeof value === 'function' && value.name.startsWith('bound ')) return false
  if (typeof value === 'function')
    return !/\{\s*\[native code\]\s*\}$/.test(Function.prototype.toString.call(value)) || value.prototype !== undefined
  return value !== null && typeof value === 'object' && !ArrayBuffer.isView(value)
}
