import { eq, lt, relations, sql } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/node-postgres'
import { integer, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'

const canary = process.env.CANARY
const pool = new pg.Pool({ max: 2, application_name: canary })
const client = new pg.Client()
const things = pgTable('things', { id: integer('id').primaryKey(), name: text('name') })
const missing = pgTable('no_such_table', { id: integer('id') })
const thingsRelations = relations(things, () => ({}))
const db = drizzle(pool)
const one = drizzle(client, { schema: { things, thingsRelations } })

export async function setup() {
  await client.connect()
  await client.query('create temp table things (id int primary key, name text)')
  await one.insert(things).values([
    { id: 2, name: 'b' },
    { id: 3, name: canary },
  ])
  await Promise.all([pool.query('select pg_sleep(0.05)'), pool.query('select pg_sleep(0.05)')])
}

export async function teardown() {
  await client.end()
  await pool.end()
}

export async function operation(i) {
  return db.select({ n: sql`${i}::int` }).from(sql`(select 1) as t`)
}

export async function select() {
  return one.select().from(things).where(eq(things.name, canary))
}

export async function never() {
  return typeof one.select().from(things).then
}

export async function write() {
  await one.insert(things).values({ id: 10, name: canary })
  const updated = await one.update(things).set({ name: 'c' }).where(eq(things.id, 10)).returning({ id: things.id })
  await one.delete(things).where(eq(things.id, 10))
  return updated
}

export async function raw() {
  const { rows } = await one.execute(sql`select count(*)::int as n from things where name = ${canary}`)
  return rows
}

export async function relational() {
  return one.query.things.findMany({ where: lt(things.id, 3) })
}

export async function prepared() {
  const query = one
    .select({ id: things.id })
    .from(things)
    .where(eq(things.id, sql.placeholder('id')))
    .prepare('find')
  return [await query.execute({ id: 2 }), await query.execute({ id: 3 })]
}

export async function transaction() {
  return db.transaction(async (tx) => {
    const { rows } = await tx.execute(sql`select 1 as a`)
    return rows
  })
}

export async function failure() {
  try {
    await one.select().from(missing).where(eq(missing.id, 4711))
  } catch (error) {
    return [error.constructor.name, error.message, error.cause?.code ?? error.code]
  }
}

export async function thrown() {
  await one.execute(sql`select ${canary}::int from no_such_table`)
}
