import fs from 'node:fs'
import Module from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * Loads what writes LMDB. Throws where it cannot be loaded. lmdb 3 makes a URL of its own file name as it stands, and looks for its parts in
 * another folder when that name holds `#`, `?` or `%`: then it is given its name as a URL has it.
 */
export function loadHotStore(load: NodeJS.Require): typeof import('../store/hot/write.ts') {
  const file = load.resolve('lmdb')
  if (/[#?%]/.test(file)) load.cache[file] ??= compileAs(pathToFileURL(file).pathname, file)
  return load('./hot-store.cjs') as typeof import('../store/hot/write.ts')
}

type Internal = NodeJS.Module & { _compile(source: string, filename: string): void }

function compileAs(name: string, file: string): NodeJS.Module {
  const compiled = new Module(file) as Internal
  compiled.filename = file
  compiled.paths = (Module as unknown as { _nodeModulePaths(folder: string): string[] })._nodeModulePaths(path.dirname(file))
  compiled._compile(fs.readFileSync(file, 'utf8'), name)
  compiled.loaded = true
  return compiled
}
