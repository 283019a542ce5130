// What a recorded process loads because of the agent, and that the libraries it loads itself look the same.
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { MATRIX, notInstallable, versionsFor } from '../../scripts/install-versions.mjs'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { agentRoot, record, type RecordOptions } from '../support/record.ts'

const PREAMBLE = `import { createRequire } from 'node:module'
const loaded = () => console.log('LOADED ' + JSON.stringify(Object.keys(createRequire(process.argv[1]).cache)))
`

/**
 * The preload: one file of its own, require-in-the-middle bundled into it, import-in-the-middle, and the integration of the
 * built-in fetch and of the console, which no module load announces.
 */
const ALWAYS = [
  'dist/register.cjs',
  'dist/integrations/console.cjs',
  'dist/integrations/undici.cjs',
  'node_modules/import-in-the-middle/index.js',
  'node_modules/import-in-the-middle/lib/register.js',
  ...(nodeMajor() >= 22 ? ['node_modules/import-in-the-middle/register-hooks.mjs'] : []),
  'node_modules/module-details-from-path/index.js',
]
/** Node 20 cannot catch the first import of a module of its own, so those are patched at once. */
const AT_ONCE =
  nodeMajor() >= 22 ? [] : ['child-process', 'dns', 'http-client', 'http-server', 'net'].map((name) => `dist/integrations/${name}.cjs`)

describe.each(['esm', 'cjs'] as const)('a recorded program that is %s', (format) => {
  it('loads the preload and nothing else when it uses no library', async () => {
    const files = await agentFiles({ format, app: `${PREAMBLE}loaded()` })
    expect(files).toEqual([...ALWAYS, ...AT_ONCE].sort())
  })

  it('loads the profiler where a CPU profile is asked for', async () => {
    const files = await agentFiles({ format, app: `${PREAMBLE}loaded()`, env: { PERF_CPU: 'on' } })
    expect(files).toEqual([...ALWAYS, ...AT_ONCE, 'dist/cpu.cjs'].sort())
  })

  it('loads the integration of a library it uses, and no other', async () => {
    const app = `${PREAMBLE}import 'ioredis'\nimport 'pg'\nloaded()`
    const files = await agentFiles({ format, app, packages: [newest('pg'), newest('ioredis')] })
    // Both load Node's own `dns` and `net`, which are watched, too.
    const own = ['dns', 'ioredis', 'net', 'pg'].map((name) => `dist/integrations/${name}.cjs`)
    expect(files).toEqual([...new Set([...ALWAYS, ...AT_ONCE, ...own])].sort())
  })

  it('loads the parser when a tool file matches, not before', async () => {
    const app = `${PREAMBLE}import { other } from './other.js'\nother()\nloaded()`
    const files = { 'other.js': 'export function other() { return 1 }\n' }
    const parts = (all: string[]) => all.filter((file) => /tool-transform|@babel/.test(file))
    const none = await agentFiles({ format, app, files, env: { PERF_TOOLS: 'tools/**#*' } })
    expect(parts(none)).toEqual([])
    if (format === 'esm' && nodeMajor() < 22) return // there the hooks run in a thread of their own
    const some = await agentFiles({ format, app, files, env: { PERF_TOOLS: 'other.js#*' } })
    expect(parts(some)).toEqual(['dist/tool-transform.cjs', 'node_modules/@babel/parser/lib/index.js'])
  })
})

/** Packages that are patched beside the library they come with. */
const BESIDE: Record<string, string[]> = { pg: ['pg-pool', 'pg-cursor'] }

// The versions of all libraries side by side: first the lowest of each, last the newest.
const libraries = [...new Set(MATRIX.map(({ lib }) => lib))]
const rounds = Math.max(...libraries.map((lib) => versionsFor(lib, nodeMajor()).length))
const sets = Array.from({ length: rounds }, (_, round) =>
  libraries.flatMap((lib) => {
    const version = versionsFor(lib, nodeMajor())[round]
    const spec = `${lib}@${version}`
    return version === undefined || notInstallable(spec) !== undefined ? [] : [{ lib, spec }]
  }),
)

describe.each(sets.map((set) => [set.map(({ spec }) => spec).join(', '), set] as const))('namespaces of %s', (_title, set) => {
  const packages = set.map(({ spec }) => spec)
  const names = [
    ...new Set([...set.map(({ lib }) => lib), ...set.flatMap(({ lib }) => BESIDE[lib] ?? [])]),
    'node:http',
    'node:https',
    'node:http2',
    'http',
  ]

  it.each([
    ['import', 'esm', (name: string) => `await import('${name}')`],
    ['require', 'cjs', (name: string) => `require('${name}')`],
  ] as const)(
    'have the same keys with and without the agent (%s)',
    async (_how, format, load) => {
      const app = `const shape = (value) => [typeof value, Object.keys(value), Object.keys(value.default ?? {})]
${names.map((name) => `try { console.log('${name}', JSON.stringify(shape(${load(name)}))) } catch (error) { console.log('${name}', error.code) }`).join('\n')}
process.exit(0)
`
      const bare = await record({ format, app, packages, agent: 'none', timeoutMs: 110_000 })
      const recorded = await record({ format, app, packages, timeoutMs: 110_000 })
      expect(bare.status, bare.stderr).toBe(0)
      // Packages that cannot be imported by their name alone, or not that way.
      const refused = bare.stdout.match(/ ERR_\w+$/gm) ?? []
      expect(refused.length, bare.stdout).toBeLessThan(names.length / 4)
      expect(shapes(recorded.stdout)).toEqual(shapes(bare.stdout))
      expect([recorded.stderr, recorded.status]).toEqual([bare.stderr, bare.status])
    },
    240_000,
  )
})

function shapes(stdout: string): unknown[] {
  return stdout.split('\n').map((line) => {
    const at = line.indexOf(' [')
    return at < 0 ? line : [line.slice(0, at), JSON.parse(line.slice(at + 1))]
  })
}

function newest(lib: string): string {
  return `${lib}@${versionsFor(lib, nodeMajor()).at(-1)}`
}

/** What `debug` (of ioredis) loads where it finds it: here among the packages of the repository, in which those of the programs lie. */
const OF_THE_APP = /node_modules.(supports-color|has-flag)./

/** Files of the agent and of its dependencies in the module cache of the main thread. */
async function agentFiles(options: RecordOptions): Promise<string[]> {
  const run = await record(options)
  const line = run.stdout.split('\n').find((text) => text.startsWith('LOADED '))
  expect([run.stderr, run.status, typeof line]).toEqual(['', 0, 'string'])
  const loaded = JSON.parse(line?.slice('LOADED '.length) ?? '[]') as string[]
  const roots = [path.join(agentRoot(), 'dist'), path.join(repositoryRoot, 'node_modules')]
  return loaded
    .filter((file) => roots.some((root) => file.startsWith(root + path.sep)) && !OF_THE_APP.test(file))
    .map((file) => path.relative(file.startsWith(agentRoot()) ? agentRoot() : repositoryRoot, file).replaceAll(path.sep, '/'))
    .sort()
}
