// A project under git with a slow tool, tests, and a user's unfinished work of every kind, for tests of what changes it and puts it back.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, readlinkSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs' // prettier-ignore
import os from 'node:os'
import path from 'node:path'

/** Runs git without the user's own settings. */
export function git(cwd: string, ...args: string[]): string {
  const env = { ...process.env, GIT_CONFIG_GLOBAL: '/dev/null', GIT_CONFIG_SYSTEM: '/dev/null' }
  return execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.org', ...args], { cwd, env, encoding: 'utf8' })
}

const LOAD = `import { setTimeout as sleep } from 'node:timers/promises'

export async function fetchOne(id) {
  await sleep(5)
  return id * 2
}

export async function loadAll(ids) {
  const all = []
  for (const id of ids) all.push(await fetchOne(id))
  return all
}
`
/** What makes it fast: all at once. */
export const FAST = ['for (const id of ids) all.push(await fetchOne(id))', 'all.push(...(await Promise.all(ids.map(fetchOne))))'] as const

/** Writes the project; `isRepository: false` leaves git out. */
export function slowProject(options: { isRepository?: boolean } = {}): string {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'perf-slow-')))
  const write = (name: string, text: string): void => {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true })
    writeFileSync(path.join(root, name), text)
  }
  write('package.json', '{"name":"slow","type":"module","scripts":{"test":"node test.js"}}')
  write('src/tools/load.js', LOAD)
  write(
    'app.js',
    `import { loadAll } from './src/tools/load.js'\nfor (let i = 0; i < 3; i++) await loadAll(Array.from({ length: 40 }, (_, id) => id))\n`,
  )
  write(
    'test.js',
    `import { writeFileSync } from 'node:fs'\nimport { loadAll } from './src/tools/load.js'\nwriteFileSync('left-by-tests.txt', String(Math.random()))\n` +
      `const all = await loadAll([1, 2])\nif (all.join() !== '2,4') throw new Error('wrong: ' + all.join())\n`,
  )
  write('.gitignore', '.perf\nignored/\n')
  write('kept.txt', 'committed\n')
  write('staged.txt', 'committed\n')
  write('deleted.txt', 'committed\n')
  if (options.isRepository !== false) {
    git(root, 'init', '-q', '-b', 'main')
    git(root, 'add', '-A')
    git(root, 'commit', '-qm', 'first')
    write('kept.txt', 'stashed\n')
    git(root, 'stash', '-q')
    git(root, 'branch', 'other')
  }
  write('kept.txt', 'changed and not staged\n')
  write('staged.txt', 'staged\n')
  if (options.isRepository !== false) git(root, 'add', 'staged.txt')
  write('staged.txt', 'staged, then changed again\n')
  rmSync(path.join(root, 'deleted.txt'))
  write('untracked/new.sh', '#!/bin/sh\n')
  chmodSync(path.join(root, 'untracked/new.sh'), 0o755)
  write('untracked/read-only.txt', 'do not touch\n')
  chmodSync(path.join(root, 'untracked/read-only.txt'), 0o444)
  write('ignored/cache.bin', 'cache\n')
  mkdirSync(path.join(root, 'untracked/empty'))
  symlinkSync('new.sh', path.join(root, 'untracked/link'))
  symlinkSync('nowhere', path.join(root, 'untracked/dangling'))
  linkSync(path.join(root, 'ignored/cache.bin'), path.join(root, 'ignored/second-name.bin'))
  return root
}

/** Everything about a folder that can be put back: paths, kinds, permissions, contents, links; of git all but its objects. */
export function fingerprint(root: string): Record<string, string> {
  const found: Record<string, string> = {}
  const visit = (folder: string): void => {
    for (const name of readdirSync(path.join(root, folder))) {
      const relative = path.join(folder, name)
      if (relative === '.perf' || relative === path.join('.git', 'objects')) continue
      const file = path.join(root, relative)
      const stat = lstatSync(file)
      const mode = (stat.mode & 0o7777).toString(8)
      if (stat.isSymbolicLink()) found[relative] = `link ${readlinkSync(file)}`
      else if (stat.isDirectory()) {
        found[relative] = `folder ${mode}`
        visit(relative)
      } else found[relative] = `file ${mode} ${stat.nlink} ${createHash('sha256').update(readFileSync(file)).digest('hex')}`
    }
  }
  visit('')
  return found
}
