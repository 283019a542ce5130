import { describe, expect, it } from 'vitest'
import { describeStatement } from '../../src/semantics/sql.ts'

const plain = (sql: string) => describeStatement(sql, false)

describe('text', () => {
  it.each([
    ["select 'it''s', E'a\\'b', $tag$ x $$ y $tag$, B'01', N'n', U&'u'", 'select ?, ?, ?, ?, ?, ?'],
    ['select 1, -2.5e3, .5, 0xFF, 1_000', 'select ?, -?, ?, ?, ?'],
    ['select a1, "it\'s 1", t.b2 from t1', 'select a1, "it\'s 1", t.b2 from t1'],
    ["select 1 -- 'x'\n  , /* 2 */ 3", 'select ? , ?'],
    ['select * from t where a in (1, 2,3) and b IN (4)', 'select * from t where a in (?) and b IN (?)'],
    ["insert into t values (1, 'a'), (2,'b'),(3 , 'c')", 'insert into t values (?, ?)'],
    ["select 'not closed secret", 'select ?'],
    ['select $tag$ not closed secret', 'select ?'],
    ['select /* not closed secret', 'select'],
    ["select '\\' , secret", 'select ? , secret'],
  ])('takes the values out of %s', (sql, text) => {
    expect(plain(sql).text).toBe(text)
  })
  it('keeps the layout of a statement that was sent with parameters, and none of its literals', () => {
    const sql = "select *\nfrom t -- by 'me'\nwhere a = $1 and name = 'secret' and card = 4111 limit $2"
    expect(describeStatement(sql, true).text).toBe('select *\nfrom t  \nwhere a = $1 and name = ? and card = ? limit $2')
  })
  it('looks at a bounded part of a long statement, and at no half literal', () => {
    const { text } = plain(`insert into t values ('${'secret '.repeat(100_000)}')`)
    expect(text).toBe('insert into t values (?…')
  })
})

describe('text of other dialects', () => {
  it.each([
    ['mysql', "select \"a\\\"b\", 'it\\'s', '\\\\', x, `s\"x`, x'00' # 'secret", 'select ?, ?, ?, x, `s"x`, ?'],
    ['mysql', "select 5--3, 1 -- 'secret'\n, _utf8'x', @a := 1", 'select ?--?, ? , _utf8?, @a := ?'],
    ['mysql', 'select "not closed secret', 'select ?'],
    ['mysql', "insert ignore into t values ('a', 1), ('b', 2)", 'insert ignore into t values (?, ?)'],
    ['sqlite', "select \"a\", [b 'c], `d`, '\\', x'00', ?1, :n, @n, $n", 'select "a", [b \'c], `d`, ?, ?, ?1, :n, @n, $n'],
    ['sqlite', "select 'not closed secret", 'select ?'],
  ] as const)('takes the values out of %s: %s', (dialect, sql, text) => {
    expect(describeStatement(sql, false, dialect).text).toBe(text)
  })
  it.each([
    ['mysql', 'SELECT * FROM `my db`.`users` WHERE a = "b"', 'SELECT `my db`.`users`'],
    ['mysql', 'update ignore t set a = 1', 'update t'],
    ['mysql', 'replace into t values (1)', 'replace t'],
    ['sqlite', 'insert or replace into [a b] values (1)', 'insert [a b]'],
    ['sqlite', 'PRAGMA user_version', 'PRAGMA'],
  ] as const)('summary of %s: %s', (dialect, sql, summary) => {
    expect(describeStatement(sql, false, dialect).summary).toBe(summary)
  })
})

describe('summary', () => {
  it.each([
    ['select * from users', 'select users'],
    ['SELECT * FROM a.users u, "Order Items" o LEFT JOIN x ON f(u, o)', 'SELECT a.users "Order Items" x'],
    ['INSERT INTO shipping_details SELECT * FROM orders', 'INSERT shipping_details SELECT orders'],
    ['insert into t (a) values (1) on conflict (a) do update set b = 2', 'insert t'],
    ['update only t set a = (select max(b) from u)', 'update t select u'],
    ['DELETE FROM t USING old WHERE t.a = old.a', 'DELETE t old'],
    ['with a as (select * from t), b as (select 1) select * from a join b on true', 'select t select select'],
    ['select extract(year from at), substring(a from 1) from t where a is distinct from b for update', 'select t'],
    ['merge into t using s on t.a = s.a when matched then update set a = 1', 'merge t s'],
    ['create table if not exists public.t (a int references u)', 'create table public.t'],
    ['DROP TABLE t', 'DROP TABLE t'],
    ['BEGIN', 'BEGIN'],
    ['(select a from t) union all (select b from u)', 'select t select u'],
    ['call f(1)', 'call f'],
    ['', ''],
  ])('of %s', (sql, summary) => {
    expect(plain(sql).summary).toBe(summary)
  })
  it('is cut between words at 255 characters', () => {
    const sql = `select * from ${Array.from({ length: 100 }, (_, i) => `table_${i}`).join(', ')}`
    const { summary } = plain(sql)
    expect(summary.length).toBeLessThanOrEqual(255)
    expect(summary).toMatch(/ table_\d+$/)
  })
})

it('names the operation of the statement itself and its only table', () => {
  expect(plain('with a as (select 1) update t set b = (select max(c) from t)')).toMatchObject({ operation: 'update', collection: 't' })
  expect(plain('select * from t join u on true')).toMatchObject({ operation: 'select', collection: undefined })
})
