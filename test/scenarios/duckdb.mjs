import { DuckDBInstance } from '@duckdb/node-api'

const canary = process.env.CANARY
let instance
let connection

export async function setup() {
  instance = await DuckDBInstance.create(':memory:')
  connection = await instance.connect()
  await connection.run('create table things (id integer primary key, name text)')
  await connection.run('insert into things values (2, $1), (3, $2)', ['b', canary])
}

export async function teardown() {
  connection.closeSync()
  instance.closeSync()
}

/** Connections are cheap, and one does not run two statements at once. */
export async function operation(i) {
  const own = await instance.connect()
  try {
    const reader = await own.runAndReadAll(`select $1::integer as n${i}`, [i])
    return reader.getRowsJson()
  } finally {
    own.closeSync()
  }
}

export async function run() {
  const result = await connection.run(`select id from things where name = '${canary}'`)
  return result.getRowsJson()
}

export async function write() {
  const result = await connection.run('insert into things values ($id, $name)', { id: 10, name: `${canary}-10` })
  return result.rowsChanged
}

export async function several() {
  const reader = await connection.runAndReadAll('select 1 as a; select 2 as b')
  return reader.getRowsJson()
}

export async function prepared() {
  const statement = await connection.prepare('select name from things where id = $1')
  statement.bindInteger(1, 2)
  const reader = await statement.runAndReadAll()
  return reader.getRowsJson()
}

export async function stream() {
  const result = await connection.stream('select unnest(range(250)) as n')
  let rows = 0
  for (;;) {
    const chunk = await result.fetchChunk()
    if (!chunk || chunk.rowCount === 0) return rows
    rows += chunk.rowCount
  }
}

export async function failure() {
  await connection.run(`select * from no_such_table where name = '${canary}' and id = 4711`)
}

export async function duplicate() {
  await connection.run('insert into things values (3, $1)', [canary])
}
