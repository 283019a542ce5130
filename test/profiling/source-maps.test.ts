// Samples name functions, files and lines of the source, however the program was compiled.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { transformSync as swc } from '@swc/core'
import { transformSync as esbuild } from 'esbuild'
import { afterAll, describe, expect, it } from 'vitest'
import { openSession } from '../../src/store/query.ts'
import { readSession } from '../../src/store/session.ts'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { record, type RecordOptions } from '../support/record.ts'

// Types and blank lines that compilers drop, so that compiled lines are not those of the source.
const SOURCE = `import { span } from '@perf/agent/api'

interface Options {
  units: number
  label?: string
}


type Sink = { value: number }

const sink: Sink = { value: 0 }

export function burnTyped({ units }: Options): void {
  const limit: number = units * 1_000_000

  for (let i = 0; i < limit; i++) {

    sink.value = (sink.value + Math.imul(i, 2654435761)) | 0
  }
}

span('typed', () => burnTyped({ units: 100 }))
`
const FUNCTION_LINE = SOURCE.split('\n').findIndex((line) => line.startsWith('export function')) + 1
const BODY_LINES = [FUNCTION_LINE + 1, FUNCTION_LINE + 3, FUNCTION_LINE + 5]

const scratch = mkdtempSync(path.join(os.tmpdir(), 'perf-maps-'))
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

type Files = Record<string, string>
const external = (code: string, map: string): Files => ({ 'burn.js': `${code}\n//# sourceMappingURL=burn.js.map\n`, 'burn.js.map': map })

function withEsbuild(options: { minify: boolean; sourcemap: 'inline' | 'external' }): Files {
  const { code, map } = esbuild(SOURCE, { loader: 'ts', format: 'esm', sourcefile: 'burn.ts', target: 'node20', ...options })
  return options.sourcemap === 'inline' ? { 'burn.js': code } : external(code, map)
}

function withTsc(flag: '--inlineSourceMap' | '--sourceMap'): Files {
  const folder = mkdtempSync(path.join(scratch, 'tsc-'))
  writeFileSync(path.join(folder, 'burn.ts'), SOURCE)
  const args = ['--target', 'es2022', '--module', 'es2022', '--moduleResolution', 'bundler', '--noCheck', '--types', '', flag, 'burn.ts']
  const bin = path.join(repositoryRoot, 'node_modules', '.bin', 'tsc')
  spawnSync(bin, args, { cwd: folder })
  const code = readFileSync(path.join(folder, 'burn.js'), 'utf8')
  return flag === '--sourceMap'
    ? { 'burn.js': code, 'burn.js.map': readFileSync(path.join(folder, 'burn.js.map'), 'utf8') }
    : { 'burn.js': code }
}

function withSwc(sourceMaps: true | 'inline'): Files {
  const { code, map = '' } = swc(SOURCE, {
    filename: 'burn.ts',
    sourceMaps,
    jsc: { parser: { syntax: 'typescript' }, target: 'es2022' },
    module: { type: 'es6' },
  })
  return sourceMaps === 'inline' ? { 'burn.js': code } : external(code, map)
}

const tsx = pathToFileURL(path.join(repositoryRoot, 'node_modules/tsx/dist/loader.mjs')).href

describe.each<[string, Omit<RecordOptions, 'app'> & { files: Files }, { entry?: string; oneLine?: boolean; node?: number }]>([
  ['tsc, inline map', { files: withTsc('--inlineSourceMap') }, {}],
  ['tsc, map beside it', { files: withTsc('--sourceMap') }, {}],
  ['esbuild, inline map', { files: withEsbuild({ minify: false, sourcemap: 'inline' }) }, {}],
  ['esbuild, map beside it', { files: withEsbuild({ minify: false, sourcemap: 'external' }) }, {}],
  ['esbuild, minified', { files: withEsbuild({ minify: true, sourcemap: 'external' }) }, { oneLine: true }],
  ['swc, inline map', { files: withSwc('inline') }, {}],
  ['swc, map beside it', { files: withSwc(true) }, {}],
  ["Node's own type stripping", { files: { 'burn.ts': SOURCE } }, { entry: './burn.ts', node: 24 }],
  ['tsx, compiled in the process', { files: { 'burn.ts': SOURCE }, nodeArgs: ['--import', tsx] }, { entry: './burn.ts', oneLine: true }],
])('%s', (_name, options, { entry = './burn.js', oneLine = false, node = 20 }) => {
  it('names the function, file and line of the source', async ({ skip }) => {
    if (nodeMajor() < node) return skip(`Node ${nodeMajor()} does not run TypeScript by itself`)
    const run = await record({ ...options, app: `import '${entry}'\n`, env: { PERF_CPU: '1ms' } })
    expect([run.status, run.stderr]).toEqual([0, ''])
    const reader = await openSession(readSession(run.sessionDir ?? ''))
    const functions = await reader.rows(
      `SELECT function, file, line FROM cpu_samples WHERE span_name = 'typed' AND file LIKE '%burn.%' GROUP BY ALL ORDER BY sum(self_us) DESC LIMIT 1`,
    )
    const lines = await reader.rows<{ line: number }>(
      `SELECT line FROM cpu_lines WHERE function = 'burnTyped' AND samples > 0 ORDER BY self_us DESC LIMIT 1`,
    )
    reader.close()
    expect(functions).toEqual([{ function: 'burnTyped', file: 'burn.ts', line: FUNCTION_LINE }])
    // The lines of code that is all on one line cannot be told apart.
    expect(oneLine ? [FUNCTION_LINE] : BODY_LINES).toContain(lines[0]?.line)
  })
})
