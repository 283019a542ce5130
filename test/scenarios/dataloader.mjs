import DataLoader from 'dataloader'

const canary = process.env.CANARY
const batches = []
const load = async (keys) => {
  batches.push(keys.length)
  await new Promise((resolve) => setTimeout(resolve, 1))
  return keys.map((key) => (String(key).startsWith('bad') ? new RangeError('no such key') : `${key} ${canary}`))
}
const loader = new DataLoader(load, { name: 'users' })
const uncached = new DataLoader(load, { cache: false, name: 'uncached' })
const primed = new DataLoader(load, { name: 'primed' })

export async function setup() {
  for (let i = 0; i < 7; i++) primed.prime(i, String(i))
}

export async function operation(i) {
  if (i % 2 === 1) primed.clear('nothing')
  return i % 2 === 0 ? primed.load(i % 7) : i
}

export async function batch() {
  batches.length = 0
  const values = await Promise.all([loader.load('a'), loader.load('b'), loader.load('a')])
  return [values.map((value) => value.split(' ')[0]), batches]
}

export async function cached() {
  const [one, two] = [loader.load('a'), loader.load('a')]
  return [one === two, (await one).split(' ')[0]]
}

export async function withoutCache() {
  return (await uncached.load('c')).split(' ')[0]
}

export async function failure() {
  return loader.load('bad')
}

export async function priming() {
  loader.prime('p', 1)
  return loader.load('p')
}
