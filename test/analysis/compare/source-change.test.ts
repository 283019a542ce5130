import { expect, test } from 'vitest'
import { sourceChange } from '../../../src/analysis/compare/source-change.ts'

test('the lines between the common beginning and the common end', () => {
  expect(sourceChange('a\nb\nc', 'a\nx\ny\nc')).toEqual({ line: 2, removed: ['b'], added: ['x', 'y'], more: 0 })
  expect(sourceChange('a\nb', 'a\nb\nb')).toEqual({ line: 3, removed: [], added: ['b'], more: 0 })
  expect(sourceChange('a\r\nb', 'a\nb ')).toBeUndefined()
})

test('of long changes the first lines', () => {
  const lines = (letter: string): string => Array.from({ length: 10 }, (_, i) => `${letter}${i}`).join('\n')
  expect(sourceChange(lines('a'), lines('b'))).toMatchObject({ line: 1, removed: { length: 6 }, added: { length: 6 }, more: 8 })
})
