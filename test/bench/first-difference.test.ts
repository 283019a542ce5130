import { expect, it } from 'vitest'
import { firstDifference } from '../../src/bench/first-difference.ts'
import { turned } from '../../src/bench/turned.ts'

it.each([
  [[1, { a: [2, 3] }], [1, { a: [2, 4] }], '[1].a[1]', '3', '4'],
  [{ a: 1 }, { a: 1, 'b-c': 2 }, `['b-c']`, 'nothing', '2'],
  [[1, 2], [1], '[1]', '2', 'nothing'],
  [new Map([['x', { y: 1 }]]), new Map([['x', { y: 2 }]]), `.get('x').y`, '1', '2'],
  [new Set([1]), new Set([2]), '', 'Set(1) { 1 }', 'Set(1) { 2 }'],
  [new Date(0), new Date(1), '', '1970-01-01T00:00:00.000Z', '1970-01-01T00:00:00.001Z'],
  [[0], [-0], '[0]', '0', '-0'],
  ['1', 1, '', `'1'`, '1'],
  [[undefined], [null], '[0]', 'undefined', 'null'],
  [{ a: [] }, { a: {} }, '.a', '[]', '{}'],
  [new Uint8Array([1]), new Uint8Array([2]), '', 'Uint8Array(1) [ 1 ]', 'Uint8Array(1) [ 2 ]'],
])('%j and %j differ', (expected, actual, path, left, right) => {
  expect(firstDifference(expected, actual)).toEqual({ path, expected: left, actual: right })
})

it('finds none between equal values, NaN and cycles included', () => {
  const [a, b] = [{ list: [Number.NaN] as unknown[] }, { list: [Number.NaN] as unknown[] }]
  a.list.push(a)
  b.list.push(b)
  expect(firstDifference(a, b)).toBeUndefined()
})

it('has everyone first equally often', () => {
  const rounds = Array.from({ length: 6 }, (_, round) => turned(['a', 'b', 'c'], round).join(''))
  expect(rounds).toEqual(['abc', 'bca', 'cab', 'cba', 'acb', 'bac'])
  expect(turned([], 3)).toEqual([])
})
