// Runs a fixture three times in real processes: as written, transformed with a runtime, transformed without one.
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { transformTools, type ToolFormat, type ToolMeta } from '../../../loaders/tool-transform.ts'

const here = path.dirname(fileURLToPath(import.meta.url))
const folder = realpathSync(mkdtempSync(path.join(tmpdir(), 'tool-transform-')))
const runtime = path.join(folder, 'fake-tools.cjs')
let count = 0

export const cleanUp = (): void => rmSync(folder, { recursive: true, force: true })

export interface Fixture {
  /** `app.mjs`, `app.cjs`, `app.ts`, …: the entry begins with `app`. */
  readonly files: Record<string, string>
  readonly format: ToolFormat
  readonly node?: string
  readonly flags?: readonly string[]
  readonly names?: (name: string) => boolean
}

export interface FixtureRun {
  /** What the fixture printed as written. */
  readonly plain: string
  readonly wrapped: string
  readonly withoutRuntime: string
  /** Tools in the order of their calls. */
  readonly calls: string[]
  readonly tools: readonly ToolMeta[]
}

/** Runs the fixture; throws what the process printed when one does not end well. */
export async function runFixture(fixture: Fixture): Promise<FixtureRun> {
  if (!existsSync(runtime)) await buildRuntime()
  const tools: ToolMeta[] = []
  const transformed: Record<string, string> = {}
  for (const [name, source] of Object.entries(fixture.files)) {
    const result = transformTools(source, { filename: name, format: fixture.format, matchesName: fixture.names ?? (() => true) })
    transformed[name] = result?.code ?? source
    tools.push(...(result?.tools ?? []))
  }
  const plain = run(fixture, fixture.files, false)
  const wrapped = run(fixture, transformed, true)
  const withoutRuntime = run(fixture, transformed, false)
  return { plain: plain.output, wrapped: wrapped.output, withoutRuntime: withoutRuntime.output, calls: wrapped.calls, tools }
}

async function buildRuntime(): Promise<void> {
  await build({ entryPoints: [path.join(here, 'fake-tools.ts')], bundle: true, platform: 'node', format: 'cjs', outfile: runtime })
}

function run(fixture: Fixture, files: Record<string, string>, hasRuntime: boolean): { output: string; calls: string[] } {
  const cwd = path.join(folder, String(count++))
  mkdirSync(cwd)
  for (const [name, source] of Object.entries(files)) writeFileSync(path.join(cwd, name), source)
  const entry = Object.keys(files).find((name) => name.startsWith('app.')) ?? ''
  const callsFile = path.join(cwd, 'calls.json')
  const required = ['--require', path.join(here, 'probe.cjs'), ...(hasRuntime ? ['--require', runtime] : [])]
  const child = spawnSync(fixture.node ?? process.execPath, [...required, ...(fixture.flags ?? []), path.join(cwd, entry)], {
    encoding: 'utf8',
    timeout: 30_000,
    env: { ...process.env, NODE_OPTIONS: '', CALLS_FILE: callsFile, TSX_DISABLE_CACHE: '1' },
  })
  if (child.status !== 0) throw new Error(`exit ${child.status}\n${child.stderr}\n${files[entry]}`)
  return { output: child.stdout, calls: hasRuntime ? (JSON.parse(readFileSync(callsFile, 'utf8')) as string[]) : [] }
}
