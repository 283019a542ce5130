import * as manager from 'cache-manager'

const canary = process.env.CANARY
const keys = Array.from({ length: 7 }, (_, i) => `key-${i}`)
let cache, other

export async function setup() {
  cache = manager.caching ? await manager.caching('memory', { max: 100, ttl: 60_000 }) : manager.createCache({ ttl: 60_000 })
  other = manager.caching ? await manager.caching('memory', { max: 100, ttl: 60_000 }) : manager.createCache({ ttl: 60_000 })
  for (const key of keys) await cache.set(key, canary)
}

export async function operation(i) {
  return i % 7 < 4 ? (await cache.get(keys[i % 7])) === canary : cache.del(`none-${i % 7}`)
}

export async function missAndSet() {
  const before = await cache.get(canary)
  await cache.set(canary, canary, 5000)
  return [before ?? 'nothing', (await cache.get(canary)) === canary]
}

export async function wrap() {
  let runs = 0
  const compute = async () => {
    runs++
    await new Promise((resolve) => setTimeout(resolve, 1))
    return canary
  }
  const values = [await cache.wrap('wrapped', compute), await cache.wrap('wrapped', compute)]
  return [values.every((value) => value === canary), runs]
}

/** What is computed comes from another cache. */
export async function nested() {
  return (await cache.wrap('outer', () => other.wrap('inner', async () => canary))) === canary
}

export async function failingWrap() {
  return cache.wrap('failing', async () => {
    throw new TypeError('no')
  })
}

export async function many() {
  return cache.mget ? (await cache.mget(['key-1', 'nothing'])).map((value) => value === canary) : undefined
}

/** Taken off its object. */
export async function detached() {
  const { get } = cache
  return (await get('key-1')) === canary
}
