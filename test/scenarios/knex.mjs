import knex from 'knex'

const canary = process.env.CANARY
const connection = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  database: process.env.PGDATABASE,
  user: process.env.PGUSER,
}
const db = knex({ client: 'pg', connection: { ...connection, application_name: canary }, pool: { min: 0, max: 2 } })
const one = knex({ client: 'pg', connection, pool: { min: 1, max: 1 } })

export async function setup() {
  await one.raw('create temp table things (id int primary key, name text)')
  await one('things').insert([
    { id: 2, name: 'b' },
    { id: 3, name: canary },
  ])
  await Promise.all([db.raw('select pg_sleep(0.05)'), db.raw('select pg_sleep(0.05)')])
}

export async function teardown() {
  await Promise.all([db.destroy(), one.destroy()])
}

export async function operation(i) {
  return db(db.raw(`(select ${i}::int as n) as t`)).select('n')
}

export async function select() {
  const rows = await one('things').where('name', canary).select('id')
  const first = await one('things as t').where({ id: 2 }).first()
  const none = await one({ t: 'things' }).where({ id: 999 }).first()
  return [rows, first, none === undefined, await one('things').where('id', '<', 10).pluck('id')]
}

export async function never() {
  return typeof one('things').where('name', canary).then
}

export async function write() {
  const inserted = await one('things').insert({ id: 10, name: canary }).returning('id')
  const updated = await one('things').where({ id: 10 }).update({ name: canary })
  const deleted = await one('things').where({ id: 10 }).del()
  return [inserted, updated, deleted]
}

export async function raw() {
  const { rows } = await one.raw('select ? as a', [canary.length])
  return rows.length
}

export async function schema() {
  await one.schema.createTable('perf_test_knex', (table) => table.integer('id'))
  await one.schema.dropTable('perf_test_knex')
}

export async function transaction() {
  return db.transaction(async (trx) => {
    const [row] = await trx.select(trx.raw('1 as a'))
    return row.a
  })
}

export async function subquery() {
  return one.from(one('things').where('id', '<', 4).as('t')).count()
}

export async function stream() {
  let rows = 0
  for await (const row of one('things').where('id', '<', 4).select('id').stream()) rows += row.id > 0 ? 1 : 0
  return rows
}

export async function failure() {
  return one('no_such_table').where('name', canary).andWhere('id', 4711)
}

export async function caught() {
  return one('no_such_table').catch((error) => error.code)
}
