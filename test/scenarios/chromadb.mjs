import * as chroma from 'chromadb'

const canary = process.env.CANARY
const { hostname, port } = new URL(process.env.CHROMA_URL)
const client = new chroma.ChromaClient(
  chroma.CollectionHandle === undefined ? { path: process.env.CHROMA_URL } : { host: hostname, port: Number(port), ssl: false },
)
const vector = [0.125, 0.25, 0.5]
const embeddingFunction = { generate: async (texts) => texts.map(() => vector) }
let docs

export async function setup() {
  await client.deleteCollection({ name: 'docs' }).catch(() => undefined)
  docs = await client.getOrCreateCollection({ name: 'docs', embeddingFunction })
  await docs.upsert({ ids: ['1', '2', '3'], embeddings: [vector, vector, vector], documents: [canary, canary, canary] })
}

export async function operation(i) {
  if (i % 2 === 0) await docs.count()
  else await docs.get({ ids: [String(i)] })
  return i
}

export async function query() {
  const found = await docs.query({ queryEmbeddings: [vector], nResults: 2, where: { text: canary } })
  const both = await docs.query({ queryTexts: [canary, 'other'], nResults: 2 })
  return [found.ids[0].length, both.ids.flat().length]
}

export async function read() {
  const page = await docs.get({ limit: 2 })
  return [page.ids.length, (await docs.get({ ids: ['1'] })).ids.length, await docs.count()]
}

export async function write() {
  await docs.add({ ids: ['x', 'y'], documents: [canary, canary] })
  await docs.update({ ids: ['x'], embeddings: [vector], documents: ['changed'] })
  await docs.delete({ ids: ['x', 'y'] })
}

export async function collections() {
  await client.createCollection({ name: 'other', embeddingFunction })
  const all = await client.listCollections()
  await client.deleteCollection({ name: 'other' })
  return all.length
}

export async function missingCollection() {
  return client.getCollection({ name: 'nowhere', embeddingFunction })
}
