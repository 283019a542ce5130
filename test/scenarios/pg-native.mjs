// The client over libpq: `pg.native`.
import pg from 'pg'

const { Client, Pool, Query } = pg.native
const canary = process.env.CANARY
// libpq takes its password from elsewhere, whatever the server asks for.
const pool = new Pool({ max: 2 })
const client = new Client({ password: canary })

export async function setup() {
  await client.connect()
  await client.query('create temp table things (id int primary key, name text)')
  await client.query('insert into things values ($1, $2), ($3, $4)', [2, 'b', 3, canary])
  const both = await Promise.all([pool.connect(), pool.connect()])
  for (const one of both) one.release()
}

export async function teardown() {
  await client.end()
  await pool.end()
}

export async function operation(i) {
  const { rows } = await pool.query(`select $1::int as n${i}`, [i])
  return rows
}

export async function promise() {
  const result = await client.query('insert into things values ($1, $2), ($3, $4)', [10, canary, 11, 'd'])
  const { rows } = await client.query('select id from things where name <> $1 and id < 10', [canary])
  return [result.command, result.rowCount, rows]
}

export async function literals() {
  const { rows } = await client.query(`select id from things where name = '${canary}'`)
  return rows
}

export function callback() {
  return new Promise((resolve, reject) => {
    const returned = client.query('select $1::text as a', [canary.length], (error, result) => {
      if (error) reject(error)
      else resolve([returned === undefined, result.rows])
    })
  })
}

export async function prepared() {
  const statement = { name: 'find', text: 'select name from things where id = $1' }
  const first = await client.query({ ...statement, values: [2] })
  const second = await client.query({ ...statement, values: [2] })
  return [first.rows, second.rows]
}

export async function queryObject() {
  const query = client.query(new Query('select id from things where id < $1', [3]))
  const rows = []
  query.on('row', (row) => rows.push(row))
  await new Promise((resolve, reject) => query.on('end', resolve).on('error', reject))
  return rows
}

export async function queryObjectFails() {
  const query = client.query(new Query('select nothing_there', []))
  return new Promise((resolve) => query.on('error', (error) => resolve([error.code, error.message])))
}

export async function failure() {
  return client.query('insert into things values ($1, $2)', [2, canary])
}

export async function refused() {
  const other = new Client({ host: '127.0.0.1', port: 1 })
  return other.connect()
}
