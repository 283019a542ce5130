import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { connect } from '@lancedb/lancedb'

const canary = process.env.CANARY
const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-test-lancedb-'))
const row = (id) => ({ id, vector: [id / 8, 0.25, 0.5], text: `${canary} ${id}` })
let db, docs

export async function setup() {
  db = await connect(folder)
  docs = await db.createTable('docs', [1, 2, 3].map(row))
}

export async function teardown() {
  docs.close()
  db.close()
  rmSync(folder, { recursive: true, force: true })
}

export async function operation(i) {
  if (i % 2 === 0) await docs.countRows()
  else
    await docs
      .query()
      .where(`id = ${i + 100}`)
      .toArray()
  return i
}

export async function search() {
  const found = await docs.search([0.125, 0.25, 0.5]).limit(2).toArray()
  const filtered = await docs.vectorSearch([0.125, 0.25, 0.5]).where(`text != '${canary}'`).toArrow()
  return [found.length, found[0].id, filtered.numRows]
}

export async function query() {
  const rows = await docs.query().where('id > 1').limit(5).toArray()
  return rows.map(({ id }) => id).sort()
}

/** A query that is made and never asked does not run. */
export async function batches() {
  docs.query().limit(1)
  let rows = 0
  for await (const batch of docs.query().limit(2)) rows += batch.numRows
  return rows
}

export async function write() {
  await docs.add([row(8), row(9)])
  await docs.update({ where: 'id = 8', values: { text: canary } })
  await docs
    .mergeInsert('id')
    .whenMatchedUpdateAll()
    .whenNotMatchedInsertAll()
    .execute([row(9), row(10)])
  await docs.delete('id >= 8')
  return docs.countRows()
}

export async function tables() {
  const other = await db.createTable('other', [row(1)])
  other.close()
  const names = await db.tableNames()
  await db.dropTable('other')
  return names
}

export async function badFilter() {
  try {
    await docs.query().where(`nothing = '${canary}'`).toArray()
  } catch (error) {
    return error.constructor.name
  }
}

export async function missingTable() {
  try {
    await db.openTable('nowhere')
  } catch (error) {
    return error.constructor.name
  }
}
