import path from 'node:path'

/** Programs that carry `NODE_OPTIONS` to the app but are not the app: nothing is recorded or created for them. */
const NOT_APPS = new Set([
  'npm',
  'npm-cli',
  'npx',
  'npx-cli',
  'yarn',
  'yarnpkg',
  'pnpm',
  'pnpx',
  'corepack',
  'tsc',
  'tsserver',
  'eslint',
  'prettier',
  'oxlint',
  'biome',
  'node-gyp',
  'husky',
  'lint-staged',
  'esbuild',
  'rollup',
  'webpack',
  'vite',
  'turbo',
  'nx',
  'lerna',
  'perf-agent',
])

/** True when the process is a package manager, compiler or linter by its entry file (`argv[1]`). */
export function isNotAnApp(entry: string | undefined): boolean {
  if (entry === undefined) return false
  const name = path.basename(entry).replace(/\.[cm]?js$/, '')
  if (NOT_APPS.has(name)) return true
  const normal = entry.replaceAll('\\', '/')
  return (
    /\/node_modules\/(?:npm|yarn|pnpm|corepack|typescript|eslint|prettier|husky|lint-staged|node-gyp|@perf\/agent)\//.test(normal) ||
    /\/(?:yarn|pnpm)-?[\d.]*\.c?js$/.test(normal)
  )
}
