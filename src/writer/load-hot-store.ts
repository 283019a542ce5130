import fs from 'node:fs'
import Module, { createRequire } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Loads what writes LMDB. Throws where it cannot be loaded. lmdb 3 makes a URL of its own file name as it stands, and looks for its parts in
 * another folder when that name holds `#`, `?` or `%`: then it is given its name as a URL has it.
 */
export function loadHotStore(load: NodeJS.Require): typeof import('../store/hot/write.ts') {
  const file = load.resolve('lmdb')
  if (/[#?%]/.test(file)) load.cache[file] ??= compileAs(pathToFileURL(file).pathname, file)
  try {
    return load('./hot-store.cjs') as typeof import('../store/hot/write.ts')
  } catch (error) {
    if (!(error instanceof EvalError)) throw error
    prepareWithoutEval(createRequire(file).resolve('ordered-binary'), load, error)
    return load('./hot-store.cjs') as typeof import('../store/hot/write.ts')
  }
}

const EVALUATED = 'eval(makeStringBuilder())'
/** What that gives, as a loop: it reads the text of a key up to its end. */
const AS_LOOP = `((source) => {
  let text = ''
  for (;;) {
    let unit = source[position++]
    if (unit >= 0x80) unit = finishUtf8(unit, source)
    else if (unit === 4) unit = source[position++]
    else if (!(unit > 4)) return text
    text += fromCharCode(unit)
  }
})`

/** With --disallow-code-generation-from-strings (of which Node 26 tells worker threads, too) the codec of lmdb's keys cannot make its reader. */
function prepareWithoutEval(file: string, load: NodeJS.Require, cause: EvalError): void {
  const source = fs.readFileSync(file, 'utf8')
  if (!source.includes(EVALUATED)) throw cause
  load.cache[file] = compileAs(file, file, source.replace(EVALUATED, AS_LOOP))
}

type Internal = NodeJS.Module & { _compile(source: string, filename: string): void }

function compileAs(name: string, file: string, source = fs.readFileSync(file, 'utf8')): NodeJS.Module {
  const compiled = new Module(file) as Internal
  compiled.filename = file
  compiled.paths = (Module as unknown as { _nodeModulePaths(folder: string): string[] })._nodeModulePaths(path.dirname(file))
  compiled._compile(source, name)
  compiled.loaded = true
  return compiled
}
