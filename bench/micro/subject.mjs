import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const repositoryRoot = fileURLToPath(new URL('../..', import.meta.url))

/**
 * Bundles exports of `src/` as the agent's own build does, for Node versions that cannot run TypeScript.
 * @param {string} name file name in `.cache/bench-micro`
 * @param {Record<string, string[]>} exports by source file, relative to the repository
 * @returns {Promise<string>} path of a CommonJS file
 */
export async function bundleSubject(name, exports) {
  const folder = join(repositoryRoot, '.cache', 'bench-micro')
  await mkdir(folder, { recursive: true })
  const outfile = join(folder, `${name}.cjs`)
  const contents = Object.entries(exports)
    .map(([file, names]) => `export { ${names.join(', ')} } from './${file}'`)
    .join('\n')
  await build({
    stdin: { contents, resolveDir: repositoryRoot, loader: 'ts' },
    outfile,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'cjs',
    packages: 'external',
    // A CommonJS file does not know it by this name.
    define: { 'import.meta.url': 'fileUrl' },
    banner: { js: "const fileUrl = require('node:url').pathToFileURL(__filename).href" },
    logLevel: 'warning',
  })
  return outfile
}

/** Bundles the thread in which sync decodes, where bundled subjects look for it. */
export async function bundleSyncWorker() {
  await build({
    entryPoints: { 'sync-worker': join(repositoryRoot, 'src/store/analytics/decode-worker.ts') },
    outdir: join(repositoryRoot, '.cache', 'bench-micro'),
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    packages: 'external',
    logLevel: 'warning',
  })
}
