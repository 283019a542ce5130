// `at(fn)` runs fn and gives the places in the fixture's files where what it throws (or rejects with) came from.
const path = require('node:path')
Error.stackTraceLimit = 50
const places = (error) => {
  const found = []
  for (const [, file, place] of error.stack.matchAll(/\(?((?:file:\/\/)?\/[^\s():]+):(\d+:\d+)\)?$/gm)) {
    const name = path.basename(file)
    if (name.startsWith('app.') || name.startsWith('lib.')) found.push(`${name}:${place}`)
  }
  return found.join(' ')
}
globalThis.at = (fn) => {
  try {
    const result = fn()
    return typeof result?.then === 'function' ? result.then(() => 'nothing thrown', places) : 'nothing thrown'
  } catch (error) {
    return places(error)
  }
}
