import { PGlite } from '@electric-sql/pglite'

const canary = process.env.CANARY
const db = new PGlite()

export async function setup() {
  await db.waitReady
  await db.exec('create table things (id int primary key, name text)')
  await db.query('insert into things values ($1, $2), ($3, $4)', [2, 'b', 3, canary])
}

export async function teardown() {
  await db.close()
}

export async function operation(i) {
  const { rows } = await db.query(`select $1::int as n${i}`, [i])
  return rows
}

export async function query() {
  const { rows } = await db.query('select id from things where name <> $1 and id < 10', [canary])
  return [rows, (await db.query(`select id from things where name = '${canary}'`)).rows]
}

export async function template() {
  const { rows } = await db.sql`select id from things where id = ${3}`
  return rows
}

export async function write() {
  const { affectedRows, rows } = await db.query('update things set name = name where id = $1 returning id', [2])
  return [affectedRows, rows]
}

export async function exec() {
  const results = await db.exec('select 1 as a; select 2 as b')
  return results.length
}

export async function transaction() {
  return db.transaction(async (tx) => {
    await tx.exec('select 1')
    const { rows } = await tx.query('select $1::int as b', [2])
    return rows
  })
}

export async function transactionFails() {
  await db.transaction(async (tx) => {
    await tx.query('delete from things where id = $1', [3])
    throw new Error('changed my mind')
  })
}

export async function failure() {
  await db.query('select $1::int as n', [canary])
}

export async function failureInSql() {
  try {
    await db.query(`select * from no_such_table where name = 'quoted value'`)
  } catch (error) {
    return [error.code, error.message]
  }
}
