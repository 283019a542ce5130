import { expect, it } from 'vitest'
import { table } from '../../src/cli/render/table.ts'
import { terminalOf } from '../../src/cli/render/terminal.ts'

const lines = (names: readonly string[], width: number): string[] =>
  table({ ...terminalOf(), width, unicode: false }, [{ head: 'name', flexible: true }, { head: 'count', align: 'right' }], names.map((name) => [name, '1'])) // prettier-ignore
    .split('\n')
    .slice(1)

it('cuts what does not fit at its end, and in the middle where it would look like another', () => {
  const names = ['SELECT shop.orders shop.customers', 'SELECT shop.orders shop.items', 'INSERT shop.messages shop.audit', 'BEGIN']
  expect(lines(names, 27)).toEqual([
    'SELECT s~p.customers      1',
    'SELECT s~ shop.items      1',
    'INSERT shop.message~      1',
    'BEGIN                     1',
  ])
  expect(lines(['SELECT shop.orders shop.items', 'SELECT shop.orders shop.items'], 27)).toEqual(
    Array(2).fill('SELECT shop.orders ~      1'),
  )
})
