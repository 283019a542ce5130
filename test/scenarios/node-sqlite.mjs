import { DatabaseSync } from 'node:sqlite'

const canary = process.env.CANARY
const db = new DatabaseSync(':memory:')

export async function setup() {
  db.exec('create table things (id integer primary key, name text unique)')
  db.prepare('insert into things values (?, ?), (?, ?)').run(2, 'b', 3, canary)
}

export async function teardown() {
  db.close()
}

export async function operation(i) {
  return db.prepare(`select ? as n${i}`).all(i)
}

export async function run() {
  const { changes, lastInsertRowid } = db.prepare('insert into things values (@id, @name)').run({ id: 10, name: `${canary}-10` })
  return [changes, lastInsertRowid]
}

export async function get() {
  const statement = db.prepare('select name from things where id = ? -- by id')
  return [statement.get(2), statement.get(999)]
}

export async function all() {
  return db.prepare(`select id from things where name = '${canary}' or id in (1, 2, 3)`).all()
}

export async function iterate() {
  const ids = []
  for (const { id } of db.prepare('select id from things where id < ?').iterate(4)) ids.push(id)
  return ids
}

export async function iterateInPart() {
  for (const { id } of db.prepare('select id from "things"').iterate()) return id
}

export async function exec() {
  return db.exec(`update things set name = '${canary}-2' where id = 2; select 1`)
}

export async function failure() {
  db.prepare('insert into things values (?, ?)').run(3, canary)
}

export async function failureInSql() {
  db.exec(`select * from no_such_table where name = '${canary}'`)
}

export async function tags() {
  if (db.createTagStore === undefined) return 'no tag store'
  const tags = db.createTagStore()
  return [tags.get`select name from things where id = ${3}`.name.length, tags.all`select id from things where name = ${canary}`]
}

/** Names, lengths and descriptors of the methods, statements included. */
export async function shape() {
  const objects = [DatabaseSync.prototype, Object.getPrototypeOf(db.prepare('select 1'))]
  return objects.map((object) =>
    Object.entries(Object.getOwnPropertyDescriptors(object)).map(([key, { value, ...flags }]) => [key, value?.name, value?.length, flags]),
  )
}
