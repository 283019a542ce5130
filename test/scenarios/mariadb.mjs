import mariadb from 'mariadb'

const canary = process.env.CANARY
const { MYSQL_HOST: host, MYSQL_PORT, MYSQL_USER: user, MYSQL_DATABASE: database } = process.env
const options = { host, port: Number(MYSQL_PORT), user, database, password: '' }
const pool = mariadb.createPool({ ...options, connectionLimit: 2, noControlAfterUse: true })
let callbacks
let callbackPool
let connection
let calling

/** `mariadb/callback` where the package says what it exports, else the file. */
async function loadCallbacks() {
  const load = typeof require === 'function' ? async (name) => require(name) : (name) => import(name)
  const loaded = await load('mariadb/callback').catch(() => load('mariadb/callback.js'))
  return loaded.default ?? loaded
}

/** An error without the number of its connection. */
const withoutNumber = ({ code, message, sqlState, constructor }) => [code, message.replace(/conn[:=]\d+/, ''), sqlState, constructor.name]

const called = (run) => new Promise((resolve, reject) => run((error, rows) => (error ? reject(error) : resolve(rows))))

export async function setup() {
  callbacks = await loadCallbacks()
  callbackPool = callbacks.createPool({ ...options, connectionLimit: 1, noControlAfterUse: true })
  connection = await mariadb.createConnection({ ...options, multipleStatements: true, connectAttributes: { program_name: canary } })
  await connection.query('create temporary table things (id int primary key, name varchar(40))')
  await connection.query('insert into things values (?, ?), (?, ?)', [2, 'b', 3, canary])
  calling = callbacks.createConnection(options)
  await called((done) => calling.query('select 1', done))
  const both = await Promise.all([pool.getConnection(), pool.getConnection()])
  for (const one of both) await one.release()
  await called((done) => callbackPool.query('select 1', done))
}

export async function teardown() {
  await connection.end()
  await called((done) => calling.end(done))
  await pool.end()
  await called((done) => callbackPool.end(done))
}

export async function operation(i) {
  const rows = await pool.query(`select ? as n${i}`, [i])
  return rows
}

export async function promise() {
  const header = await connection.query('insert into things values (?, ?)', [10, canary])
  const rows = await connection.query({ sql: `select id from things where name = "${canary}" # ${canary}` })
  return [header.affectedRows, rows]
}

export async function named() {
  return connection.query({ sql: 'select :a as a', namedPlaceholders: true }, { a: canary.length })
}

export async function batch() {
  const header = await connection.batch('insert into things values (?, ?)', [
    [20, canary],
    [21, 'x'],
    [22, 'y'],
  ])
  return header.affectedRows
}

export async function several() {
  return connection.query('select 1 as a; select 2 as b union select 3')
}

export async function transaction() {
  await connection.beginTransaction()
  await connection.query('delete from things where id = 2')
  await connection.rollback()
  await connection.commit()
}

export async function failure() {
  return connection.query(`select * from no_such_table where name = '${canary}' and id = 4711`).catch(withoutNumber)
}

export async function failureWithParameters() {
  return connection.query('insert into things values (?, ?)', [3, canary]).catch(withoutNumber)
}

export async function stream() {
  let sum = 0
  for await (const row of connection.queryStream('select seq as n from seq_1_to_250')) sum += Number(row.n)
  return sum
}

export async function callback() {
  return called((done) => calling.query('select ? as a', [canary.length], done))
}

export async function failureInCallback() {
  return called((done) => calling.query('select nothing from no_such_table', done)).catch(withoutNumber)
}

export async function poolCallback() {
  return called((done) => callbackPool.query('select 5 as a', done))
}

export async function poolConnection() {
  const own = await pool.getConnection()
  try {
    return await own.query('select 7 as a')
  } finally {
    await own.release()
  }
}

export async function poolWait() {
  const held = [await pool.getConnection(), await pool.getConnection()]
  const waiting = pool.getConnection()
  setTimeout(() => held.forEach((one) => one.release()), 20)
  const own = await waiting
  const rows = await own.query('select 6 as a')
  await own.release()
  return rows
}

export async function address() {
  const other = await mariadb.createConnection(`mariadb://${user}@${host}:${MYSQL_PORT}/${database}`)
  const rows = await other.query('select 8 as a')
  await other.end()
  return rows
}
