// Messages of a library's errors are recorded without the values they hold, wherever they are recorded.
import { expect, it } from 'vitest'
import { maskMessagesOf, recordedMessage } from '../../src/core/error-messages.ts'
import { readPath } from '../../src/core/patch.ts'

class LibraryError extends Error {}
class DuplicateError extends LibraryError {}

it('masks errors of the class and of those derived from it, and no others', () => {
  const other = new Error('key "a"')
  const derived = new DuplicateError('key "a"')
  expect(recordedMessage(derived, derived.message)).toBe('key "a"')
  maskMessagesOf(LibraryError, 'lib', (text) => text.replace('"a"', '?'))
  expect(recordedMessage(derived, derived.message)).toBe('key ?')
  expect(recordedMessage(other, other.message)).toBe('key "a"')
  expect(recordedMessage(derived, undefined)).toBeUndefined()
  expect(derived.message).toBe('key "a"')
})

it('records nothing of a message whose mask fails', () => {
  maskMessagesOf(DuplicateError, 'lib', () => {
    throw new Error('fault')
  })
  expect(recordedMessage(new DuplicateError('key "a"'), 'key "a"')).toBe('')
})

it('finds classes in the exports or in their default, and is content with none', () => {
  const exports = { Error: { Cast: LibraryError } }
  expect(readPath(exports, 'Error.Cast')).toBe(LibraryError)
  expect(readPath({ default: exports }, 'Error.Cast')).toBe(LibraryError)
  expect(readPath(exports, 'Error.Other')).toBeUndefined()
  maskMessagesOf(undefined, 'lib', String)
})
