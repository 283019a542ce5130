import postgres from 'postgres'

const canary = process.env.CANARY
const options = {
  host: process.env.PGHOST,
  port: Number(process.env.PGPORT),
  database: process.env.PGDATABASE,
  username: process.env.PGUSER,
}
const sql = postgres({ ...options, max: 2, connection: { application_name: canary } })
const one = postgres({ ...options, max: 1, onnotice: () => {} })

export async function setup() {
  await one`create temp table things (id int primary key, name text)`
  await one`insert into things ${one([
    { id: 2, name: 'b' },
    { id: 3, name: canary },
  ])}`
  await Promise.all([sql`select pg_sleep(0.05)`, sql`select pg_sleep(0.05)`])
}

export async function teardown() {
  await Promise.all([sql.end(), one.end()])
}

export async function operation(i) {
  return sql.unsafe(`select $1::int as n${i}`, [i])
}

export async function tagged() {
  return one`select id from things where name <> ${canary} and id < 10`
}

export async function fragments() {
  const condition = one`where name = ${canary}`
  const query = one`select ${one('id')} from ${one('things')} ${condition}`
  const fresh = Object.keys(query).length
  return [await query, await query, fresh > 0]
}

export async function never() {
  const query = one`select 'never sent'`
  return query instanceof Promise
}

export async function insert() {
  const result = await one`insert into things values (${10}, ${canary}) returning id`
  return [result.count, result.command, result]
}

export async function update() {
  const result = await one`update things set name = name where id = ${2}`
  return [result.count, result.length]
}

export async function several() {
  const results = await one.unsafe(`select '${canary}' as a; select 2 as b`)
  return results.length
}

export async function transaction() {
  return sql.begin(async (tx) => {
    await tx`select 1 as a`
    const [row] = await tx`select ${2}::int as b`
    return row.b
  })
}

export async function transactionFails() {
  return sql.begin(async (tx) => {
    await tx`select 1 as a`
    throw new Error('changed my mind')
  })
}

export async function cursor() {
  const sizes = []
  for await (const rows of one`select generate_series(1, ${5}::int) as n`.cursor(2)) sizes.push(rows.length)
  return sizes
}

export async function cursorLeft() {
  for await (const [row] of one`select generate_series(1, 100) as n`.cursor(2)) return row.n
}

export async function forEach() {
  let sum = 0
  await one`select generate_series(1, ${250}::int) as n`.forEach((row) => (sum += row.n))
  return sum
}

export async function failure() {
  return one`select ${canary}::int as n`
}

export async function failureInSql() {
  try {
    await one`select * from no_such_table where name = 'quoted value'`
  } catch (error) {
    return [error.code, error.message, error instanceof postgres.PostgresError]
  }
}

export async function caught() {
  return one`select * from no_such_table`.catch((error) => error.code)
}

export async function reserved() {
  if (sql.reserve === undefined) return 'no reserve'
  const own = await sql.reserve()
  const rows = await own`select 7 as a`
  own.release()
  return rows
}

export async function connectionRefused() {
  const refused = postgres({ ...options, host: '127.0.0.1', port: 1, max: 1 })
  try {
    await refused`select 1 as a`
  } catch (error) {
    return error.code
  } finally {
    await refused.end({ timeout: 0 })
  }
}
