import * as module from 'lru-cache'

// Named from 8 on, the module itself in 7.
const LRUCache = module.LRUCache ?? module.default
const canary = process.env.CANARY
const cache = new LRUCache({ max: 50 })
const small = new LRUCache({ max: 2, ttl: 60_000 })
const loading = new LRUCache({ max: 10, fetchMethod: async (key) => `${key} of ${canary}` })
const keys = Array.from({ length: 7 }, (_, i) => `key-${i}`)

export async function setup() {
  for (const key of keys) cache.set(key, canary)
}

export async function operation(i) {
  return i % 7 < 4 ? cache.get(keys[i % 7]) === canary : cache.delete(`none-${i % 7}`)
}

export async function missAndSet() {
  const before = small.get(canary)
  small.set(canary, canary)
  return [before === undefined, small.get(canary) === canary]
}

export async function eviction() {
  small.set('a', 1)
  small.set('b', 2, { ttl: 1000 })
  small.set('c', 3)
  return [small.size, small.has('a'), small.peek('c')]
}

export async function deletion() {
  return [small.delete('c'), small.delete('c')]
}

/** `undefined` as a value deletes. */
export async function unset() {
  small.set('b', undefined)
  return small.has('b')
}

export async function fetching() {
  const values = [await loading.fetch('a'), await loading.fetch('a')]
  return values.map((value) => value === `a of ${canary}`)
}

export async function fetchingWithoutMethod() {
  return (await cache.fetch('key-1')) === canary
}

export async function objectAsKey() {
  return cache.get({})
}
