// Declarations for the package: what the entry points reach, each once for `import` (.d.ts) and once for `require` (.d.cts).
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { root } from './install.mjs'

const ENTRIES = ['src/api.ts', 'src/store/store.ts', 'src/analysis/analysis.ts', 'src/bench/bench.ts'].filter((entry) =>
  existsSync(path.join(root, entry)),
)
const IMPORT = /((?:from|import)\s*\(?\s*['"])(\.{1,2}\/[^'"]+)\.ts(['"])/g

/** Writes `<dist>/types`; false when the sources have type errors. */
export function emitTypes(dist) {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'perf-types-'))
  try {
    const { status } = spawnSync(process.execPath, [tscPath(), '-p', 'tsconfig.json', '--outDir', temporary], {
      cwd: root,
      stdio: 'inherit',
    })
    if (status !== 0) return false
    const types = path.join(dist, 'types')
    for (const file of reachable(temporary)) {
      const text = readFileSync(path.join(temporary, `${file}.d.ts`), 'utf8')
      // `using` is newer than the lib of most projects.
      const head = /\bDisposable\b/.test(text) ? '/// <reference lib="esnext.disposable" />\n' : ''
      mkdirSync(path.dirname(path.join(types, file)), { recursive: true })
      writeFileSync(path.join(types, `${file}.d.ts`), head + text.replace(IMPORT, '$1$2.js$3'))
      writeFileSync(path.join(types, `${file}.d.cts`), head + text.replace(IMPORT, '$1$2.cjs$3'))
    }
    for (const ending of ['d.ts', 'd.cts']) writeFileSync(path.join(types, `register.${ending}`), 'export {}\n')
    return true
  } finally {
    rmSync(temporary, { recursive: true, force: true })
  }
}

function tscPath() {
  const manifest = createRequire(import.meta.url).resolve('typescript/package.json')
  return path.join(path.dirname(manifest), 'bin', 'tsc')
}

/** The entry points and everything their declarations import, without extension. */
function reachable(folder) {
  const found = new Set(ENTRIES.map((entry) => entry.replace(/\.ts$/, '')))
  for (const file of found) {
    const text = readFileSync(path.join(folder, `${file}.d.ts`), 'utf8')
    for (const [, , target] of text.matchAll(IMPORT)) found.add(path.posix.join(path.posix.dirname(file), target))
  }
  return [...found]
}
