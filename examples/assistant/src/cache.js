// A small cache of JSON values: Redis where there is one, else this process's memory.
import { LRUCache } from 'lru-cache'
import { Redis } from 'ioredis'
import { config } from './config.js'

const store = config.redisUrl ? redisStore(config.redisUrl) : memoryStore()

/** The value of a key, or what `load` gives, kept for that many seconds. `undefined` and `null` are not kept. */
export async function cached(key, seconds, load) {
  const text = await store.get(key)
  if (text) return JSON.parse(text)
  const value = await load()
  if (value != null) await store.set(key, JSON.stringify(value), seconds)
  return value
}

/** Lets go of the connection, if there is one. */
export const closeCache = () => store.close()

function memoryStore() {
  const lru = new LRUCache({ max: 500 })
  return {
    get: async (key) => lru.get(key),
    set: async (key, text, seconds) => void lru.set(key, text, { ttl: seconds * 1000 }),
    close: async () => lru.clear(),
  }
}

function redisStore(url) {
  const redis = new Redis(url, { keyPrefix: 'assistant:' })
  redis.on('error', (error) => console.log(`Redis: ${error.message}`))
  return {
    get: (key) => redis.get(key),
    set: (key, text, seconds) => redis.set(key, text, 'EX', seconds),
    close: () => redis.quit(),
  }
}
