import * as module from 'keyv'

// Named from 5 on.
const Keyv = module.Keyv ?? module.default
const canary = process.env.CANARY
const cache = new Keyv()
const named = new Keyv({ namespace: 'prices', ttl: 5000 })
const broken = new Keyv({
  store: {
    get: () => Promise.reject(new Error('no store')),
    set: () => Promise.reject(new Error('no store')),
    delete: () => Promise.reject(new Error('no store')),
    clear() {},
  },
  emitErrors: false,
})

export async function setup() {
  broken.on('error', () => {})
  for (let i = 0; i < 4; i++) await cache.set(`key-${i}`, canary)
}

export async function operation(i) {
  return i % 7 < 4 ? (await cache.get(`key-${i % 7}`)) === canary : cache.delete(`none-${i % 7}`)
}

export async function missAndSet() {
  const before = await named.get(canary)
  await named.set(canary, canary)
  await named.set('short', canary, 100)
  return [before, (await named.get(canary)) === canary]
}

export async function many() {
  const values = await cache.get(['key-1', 'nothing'])
  return values.map((value) => value === canary)
}

export async function deletion() {
  return named.delete('nothing')
}

export async function failure() {
  return broken.get('key')
}
