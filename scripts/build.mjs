// Builds dist/: one CommonJS bundle that runs inside the app, one file per integration (loaded only when its
// library is), the writer thread, the ESM entry points and the CLI. `--types` also emits declarations.
import { build } from 'esbuild'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync, readFileSync, chmodSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { analysisHash } from './analysis-hash.mjs'
import { emitTypes } from './emit-types.mjs'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
process.chdir(root)
// Built aside and swapped in whole: whoever runs dist meanwhile never sees half of it.
const target = process.argv.includes('--out') ? process.argv[process.argv.indexOf('--out') + 1] : 'dist'
const dist = `${target}.${process.pid}.tmp`

spawnSync(process.execPath, ['scripts/generate-registry.mjs'], { stdio: 'inherit' })
spawnSync(process.execPath, ['scripts/generate-findings.mjs'], { stdio: 'inherit' })
const { version, dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
const common = {
  bundle: true,
  platform: 'node',
  target: 'node20',
  sourcemap: false,
  legalComments: 'none',
  logLevel: 'warning',
  define: { __AGENT_VERSION__: JSON.stringify(version) },
}
const cjs = { ...common, format: 'cjs', packages: 'external', outExtension: { '.js': '.cjs' } }
const esm = { ...common, format: 'esm', packages: 'external' }
const existing = (files) => files.filter((file) => existsSync(file))

const integrations = readdirSync('src/integrations').filter((file) => file.endsWith('.ts') && file !== 'registry.ts')
try {
  await Promise.all([
    // require-in-the-middle is bundled so that the preload resolves and reads one file.
    build({
      ...cjs,
      packages: undefined,
      external: ['import-in-the-middle', 'import-in-the-middle/*', './integrations/*', './tool-transform.cjs'],
      entryPoints: existing(['register/boot.ts']),
      outdir: dist,
    }),
    // What a preload names: the guards, in syntax that an old Node can read, so that it says why nothing is recorded.
    build({ ...cjs, target: 'node14', packages: undefined, entryPoints: existing(['register/register.ts']), outdir: dist }),
    build({
      ...cjs,
      entryPoints: {
        writer: 'src/writer/writer.ts',
        spill: 'src/writer/spill.ts',
        'hot-store': 'src/store/hot/write.ts',
        cpu: 'src/profiling/cpu.ts',
        'heap-sampling': 'src/profiling/heap-sampling.ts',
        'thread-heap': 'src/profiling/offer-heap.ts',
        'async-tasks': 'src/profiling/async-tasks.ts',
        'heap-snapshot-worker': 'src/writer/heap-snapshot-worker.ts',
        'tool-transform': 'loaders/tool-transform.ts',
      },
      outdir: dist,
    }),
    build({ ...cjs, entryPoints: existing(['src/api.ts']), outdir: dist }),
    build({ ...esm, entryPoints: existing(['src/api.ts']), outdir: dist }),
    build({ ...esm, entryPoints: existing(['loaders/async-hooks.ts']), outdir: dist, outExtension: { '.js': '.mjs' } }),
    build({
      ...cjs,
      packages: undefined,
      entryPoints: integrations.map((file) => `src/integrations/${file}`),
      outdir: `${dist}/integrations`,
    }),
    // What a benchmark imports; the benchmarking library is bundled, as in the ESM copy below.
    build({
      ...cjs,
      packages: undefined,
      external: Object.keys(dependencies).flatMap((name) => [name, `${name}/*`]),
      entryPoints: existing(['src/bench/bench.ts']),
      outdir: dist,
    }),
    // The scripts of the pages: inlined into the HTML, so everything is in them.
    ...[
      ['flame-page', 'src/web/flame/page.ts'],
      ['report-page', 'src/web/report/page.ts'],
    ].map(([name, entry]) =>
      build({
        ...common,
        platform: 'browser',
        target: 'es2022',
        format: 'iife',
        minify: true,
        keepNames: true,
        entryPoints: existing([entry]),
        outfile: `${dist}/${name}.js`,
      }),
    ),
    // The process in which the user's own quality scorers run.
    build({ ...esm, entryPoints: existing(['src/analysis/scoring/scorer-host.ts']), outdir: dist }),
    // The threads of sync that decode.
    build({ ...esm, entryPoints: { 'sync-worker': 'src/store/analytics/decode-worker.ts' }, outdir: dist }),
    // What is no dependency of the package is bundled: of the tokenizer only the one table that is used.
    build({
      ...esm,
      define: { ...common.define, __ANALYSIS_HASH__: JSON.stringify(analysisHash('.')) },
      packages: undefined,
      external: Object.keys(dependencies).flatMap((name) => [name, `${name}/*`]),
      // Its CommonJS file cannot be bundled: it gets `require` as an argument.
      alias: { 'jsonc-parser': 'jsonc-parser/lib/esm/main.js' },
      splitting: true,
      entryPoints: existing(['src/cli/cli.ts', 'src/store/store.ts', 'src/analysis/analysis.ts', 'src/bench/bench.ts']),
      outdir: dist,
      entryNames: '[name]',
      chunkNames: 'chunks/[name]-[hash]',
    }),
  ])
} catch {
  rmSync(dist, { recursive: true, force: true })
  process.exit(1)
}
writeFileSync(path.join(dist, 'register.js'), "import './register.cjs'\n")
if (existsSync(path.join(dist, 'cli.js'))) chmodSync(path.join(dist, 'cli.js'), 0o755)

if (process.argv.includes('--types') && !emitTypes(dist)) process.exitCode = 1
const old = `${target}.${process.pid}.old`
if (existsSync(target)) renameSync(target, old)
renameSync(dist, target)
rmSync(old, { recursive: true, force: true })
