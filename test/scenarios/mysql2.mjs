import mysql from 'mysql2'
import promises from 'mysql2/promise'

const canary = process.env.CANARY
const { MYSQL_HOST: host, MYSQL_PORT, MYSQL_USER: user, MYSQL_DATABASE: database } = process.env
const options = { host, port: Number(MYSQL_PORT), user, database, password: '' }
const pool = mysql.createPool({ ...options, connectionLimit: 2 })
const connection = mysql.createConnection({ ...options, multipleStatements: true, connectAttributes: { program_name: canary } })

const query = (...args) =>
  new Promise((resolve, reject) => connection.query(...args, (error, rows) => (error ? reject(error) : resolve(rows))))

export async function setup() {
  await query('create temporary table things (id int primary key, name varchar(40))')
  await query('insert into things values (?, ?), (?, ?)', [2, 'b', 3, canary])
  const both = await Promise.all([pool.promise().getConnection(), pool.promise().getConnection()])
  for (const one of both) one.release()
}

export async function teardown() {
  await connection.promise().end()
  await pool.promise().end()
}

export async function operation(i) {
  const [rows] = await pool.promise().query(`select ? as n${i}`, [i])
  return rows
}

export function callback() {
  return new Promise((resolve, reject) => {
    connection.query('insert into things values (?, ?)', [10, canary], (error, header) => {
      if (error) reject(error)
      else
        connection.query(`select id from things where name = "${canary}" # ${canary}`, (_error, rows, fields) =>
          resolve([header.affectedRows, rows, fields.length]),
        )
    })
  })
}

export async function promise() {
  const [rows, fields] = await connection.promise().query('select id from things where name <> ? and id < 10', [canary])
  return [rows, fields.length]
}

export async function configuration() {
  const rows = await query({ sql: 'select :a as a', values: { a: canary.length }, namedPlaceholders: true, rowsAsArray: true })
  return rows
}

export async function execute() {
  const [rows] = await connection.promise().execute('select name from things where id = ?', [2])
  const [header] = await connection.promise().execute('update things set name = name where id = ?', [2])
  return [rows, header.changedRows]
}

export async function prepared() {
  const statement = await connection.promise().prepare('select ? as a')
  const [rows] = await statement.execute([1])
  await statement.close()
  return rows
}

export async function several() {
  const rows = await query('select 1 as a; select 2 as b union select 3')
  return rows
}

export async function transaction() {
  const own = connection.promise()
  await own.beginTransaction()
  await own.query('delete from things where id = 2')
  await own.rollback()
}

export async function failure() {
  return query(`select * from no_such_table where name = '${canary}'`)
}

export async function failurePromise() {
  return connection.promise().execute('select nothing from things where name = ?', [canary])
}

export async function duplicate() {
  return query('insert into things values (?, ?)', [3, canary])
}

export async function wrongUse() {
  return connection.promise().execute('select ?', [undefined])
}

export async function stream() {
  let sum = 0
  for await (const row of connection.query('select seq as n from seq_1_to_250').stream()) sum += row.n
  return sum
}

export function events() {
  const reading = connection.query('select 1 as a union all select 2')
  const rows = []
  return new Promise((resolve, reject) => {
    reading.on('result', (row) => rows.push(row))
    reading.on('error', reject)
    reading.on('end', () => resolve(rows))
  })
}

export function failureEvent() {
  const reading = connection.execute('select * from no_such_table')
  return new Promise((resolve) => reading.on('error', (error) => resolve([error.code, Object.keys(reading).includes('emit')])))
}

export function poolCallback() {
  return new Promise((resolve, reject) => pool.query('select 5 as a', (error, rows) => (error ? reject(error) : resolve(rows))))
}

export async function poolExecute() {
  const [rows] = await pool.promise().execute('select ? as a', [5])
  return rows
}

export async function poolWait() {
  const held = [await pool.promise().getConnection(), await pool.promise().getConnection()]
  const waiting = pool.promise().query('select 6 as a')
  setTimeout(() => held.forEach((one) => one.release()), 20)
  const [rows] = await waiting
  return rows
}

export async function connectionRefused() {
  const refused = await promises.createConnection({ ...options, port: 1, password: canary })
  await refused.end()
}

export async function poolRefused() {
  const refused = promises.createPool({ ...options, port: 1, password: canary })
  try {
    await refused.query('select 1')
  } finally {
    await refused.end()
  }
}
