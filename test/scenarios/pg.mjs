import pg from 'pg'
import Cursor from 'pg-cursor'
import QueryStream from 'pg-query-stream'

const canary = process.env.CANARY
const pool = new pg.Pool({ max: 2 })
const client = new pg.Client({ password: canary })

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

export async function config() {
  const { rows } = await client.query({ text: 'select $1::int as a', values: [3], rowMode: 'array' })
  return rows
}

export async function prepared() {
  const statement = { name: 'find', text: 'select name from things where id = $1' }
  const first = await client.query({ ...statement, values: [2] })
  const second = await client.query(statement, [2])
  return [first.rows, second.rows]
}

export async function returning() {
  const { rows } = await client.query('update things set name = name where id = $1 returning id', [2])
  return rows
}

export async function several() {
  const results = await client.query('select 1; select 2 as b')
  return results.map((result) => result.rows.length)
}

export async function failure() {
  return client.query(`select '${canary}'::int`)
}

export async function failureInCallback() {
  return new Promise((resolve) => {
    client.query('select * from no_such_table', (error) => resolve([error.code, error.message, error instanceof Error]))
  })
}

export async function wrongUse() {
  return client.query(null)
}

export async function transaction() {
  const own = await pool.connect()
  try {
    await own.query('begin')
    await own.query('create temp table passing (id int) on commit drop')
    await own.query('insert into passing values ($1)', [7])
    await own.query('rollback')
  } finally {
    own.release()
  }
}

export function poolCallback() {
  return new Promise((resolve, reject) => pool.query('select 5 as a', (error, result) => (error ? reject(error) : resolve(result.rows))))
}

export async function poolWait() {
  const held = [await pool.connect(), await pool.connect()]
  const waiting = pool.query('select 6 as a')
  setTimeout(() => held.forEach((one) => one.release()), 20)
  const { rows } = await waiting
  return rows
}

export async function cursor() {
  const reading = client.query(new Cursor('select generate_series(1, $1::int) as n', [5]))
  const read = (rows) => new Promise((resolve, reject) => reading.read(rows, (error, got) => (error ? reject(error) : resolve(got.length))))
  const counts = [await read(3), await read(3), await read(3)]
  return counts
}

export async function cursorClosed() {
  const reading = client.query(new Cursor('select generate_series(1, 100) as n'))
  const first = await new Promise((resolve, reject) => reading.read(2, (error, rows) => (error ? reject(error) : resolve(rows))))
  await new Promise((resolve, reject) => reading.close((error) => (error ? reject(error) : resolve())))
  return first
}

export async function stream() {
  const reading = client.query(new QueryStream('select generate_series(1, $1::int) as n', [250]))
  let sum = 0
  for await (const row of reading) sum += row.n
  return sum
}

export async function streamFailure() {
  const reading = client.query(new QueryStream('select * from no_such_table'))
  for await (const row of reading) return row
}

export function events() {
  const query = client.query(new pg.Query('select 1 as a union all select 2'))
  const rows = []
  return new Promise((resolve, reject) => {
    query.on('row', (row) => rows.push(row))
    query.on('error', reject)
    query.on('end', () => resolve([rows, query instanceof pg.Query]))
  })
}

export async function connectionRefused() {
  await new pg.Client({ host: '127.0.0.1', port: 1 }).connect()
}
