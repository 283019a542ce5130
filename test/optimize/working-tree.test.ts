import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { findRepository, repositoriesBelow, restoreGitState, takeGitState, type GitState } from '../../src/analysis/optimize/git-state.ts'
import { restoreSnapshot } from '../../src/analysis/optimize/restore-snapshot.ts'
import { changesSince, copySnapshot, overlaySnapshot, takeSnapshot } from '../../src/analysis/optimize/tree-snapshot.ts'
import { fingerprint, git, slowProject } from '../support/slow-project.ts'

function project(options: { isRepository?: boolean } = {}): { root: string; copy: string } {
  const root = slowProject(options)
  const copy = path.join(mkdtempSync(path.join(os.tmpdir(), 'perf-copy-')), 'copy')
  onTestFinished(() => {
    rmSync(root, { recursive: true, force: true })
    rmSync(path.dirname(copy), { recursive: true, force: true })
  })
  return { root, copy }
}

const tree = { excluded: { paths: ['.git', '.perf'] } }

/** Every way in which a program can change a folder. */
function damage(root: string): void {
  const at = (name: string): string => path.join(root, name)
  writeFileSync(at('kept.txt'), 'overwritten')
  writeFileSync(at('ignored/cache.bin'), 'written through one of two names')
  unlinkSync(at('staged.txt'))
  renameSync(at('src'), at('renamed'))
  rmSync(at('untracked/read-only.txt'), { force: true })
  chmodSync(at('untracked/new.sh'), 0o600)
  rmSync(at('untracked/empty'), { recursive: true })
  writeFileSync(at('untracked/empty'), 'now a file')
  unlinkSync(at('untracked/link'))
  symlinkSync('/etc/hostname', at('untracked/link'))
  unlinkSync(at('untracked/dangling'))
  mkdirSync(at('untracked/dangling/deep'), { recursive: true })
  writeFileSync(at('untracked/dangling/deep/file'), 'x')
  writeFileSync(at('deleted.txt'), 'back again')
  writeFileSync(at('app.js'), readFileSync(at('app.js')))
  unlinkSync(at('package.json'))
  symlinkSync('app.js', at('package.json'))
  chmodSync(at('ignored'), 0o500)
}

describe('a copied folder', () => {
  it('is put back exactly, whatever was done to it', async () => {
    const { root, copy } = project()
    const before = fingerprint(root)
    const snapshot = await takeSnapshot(root, copy, tree)
    expect(changesSince(snapshot)).toEqual([])
    damage(root)
    expect(changesSince(snapshot).map(({ path: file, kind }) => `${kind} ${file}`)).toEqual([
      'added deleted.txt', 'changed ignored', 'changed ignored/cache.bin', 'changed ignored/second-name.bin', 'changed kept.txt', 'changed package.json', 'added renamed',
      'added renamed/tools', 'added renamed/tools/load.js', 'removed src', 'removed src/tools', 'removed src/tools/load.js', 'removed staged.txt', 'changed untracked/dangling',
      'added untracked/dangling/deep', 'added untracked/dangling/deep/file', 'changed untracked/empty', 'changed untracked/link', 'changed untracked/new.sh',
      'removed untracked/read-only.txt',
    ]) // prettier-ignore
    restoreSnapshot(snapshot)
    expect(fingerprint(root)).toEqual(before)
    expect(restoreSnapshot(snapshot)).toEqual([])
  })

  it('is put back without writing through a name a file outside was given', async () => {
    const { root, copy } = project({ isRepository: false })
    const before = fingerprint(root)
    const snapshot = await takeSnapshot(root, copy, tree)
    const outside = path.join(path.dirname(copy), 'of-a-package-store')
    writeFileSync(outside, 'of others')
    unlinkSync(path.join(root, 'kept.txt'))
    linkSync(outside, path.join(root, 'kept.txt'))
    restoreSnapshot(snapshot)
    expect(readFileSync(outside, 'utf8')).toBe('of others')
    expect(fingerprint(root)).toEqual(before)
  })

  it('is put back without touching what a link in the place of a folder leads to', async () => {
    const { root, copy } = project({ isRepository: false })
    const before = fingerprint(root)
    const snapshot = await takeSnapshot(root, copy, tree)
    const outside = path.join(path.dirname(copy), 'elsewhere')
    mkdirSync(outside)
    writeFileSync(path.join(outside, 'tools'), 'of others')
    rmSync(path.join(root, 'src'), { recursive: true })
    symlinkSync(outside, path.join(root, 'src'))
    restoreSnapshot(snapshot)
    expect(readFileSync(path.join(outside, 'tools'), 'utf8')).toBe('of others')
    expect(fingerprint(root)).toEqual(before)
  })

  it('is put back where new folders hold a socket, or something that is left out', async () => {
    const { root, copy } = project({ isRepository: false })
    const snapshot = await takeSnapshot(root, copy, { excluded: { paths: ['.git', '.perf', 'cache/left-out'] } })
    mkdirSync(path.join(root, 'daemon/deep'), { recursive: true })
    const server = net.createServer()
    await new Promise<void>((resolve) => server.listen(path.join(root, 'daemon/deep/d.sock'), resolve))
    onTestFinished(() => void server.close())
    mkdirSync(path.join(root, 'cache/left-out'), { recursive: true })
    writeFileSync(path.join(root, 'cache/left-out/file'), 'stays')
    writeFileSync(path.join(root, 'cache/goes'), 'goes')
    restoreSnapshot(snapshot)
    expect([existsSync(path.join(root, 'daemon')), existsSync(path.join(root, 'cache/goes'))]).toEqual([false, false])
    expect(readFileSync(path.join(root, 'cache/left-out/file'), 'utf8')).toBe('stays')
  })

  it('can be told from a later state by what changed between them', async () => {
    const { root, copy } = project({ isRepository: false })
    const snapshot = await takeSnapshot(root, copy, tree)
    writeFileSync(path.join(root, 'kept.txt'), 'changed')
    writeFileSync(path.join(root, 'new.txt'), 'new')
    const changed = overlaySnapshot(snapshot, changesSince(snapshot), `${copy}-overlay`)
    const wanted = fingerprint(root)
    damage(root)
    restoreSnapshot(changed)
    expect(fingerprint(root)).toEqual(wanted)
    await copySnapshot(changed, `${copy}-arm`)
    expect(readFileSync(path.join(`${copy}-arm`, 'new.txt'), 'utf8')).toBe('new')
    expect(readFileSync(path.join(`${copy}-arm`, 'staged.txt'), 'utf8')).toBe('staged, then changed again\n')
  })

  it('is not begun where it is too large, and leaves out what it is told to', async () => {
    const { root, copy } = project({ isRepository: false })
    writeFileSync(path.join(root, 'ignored/large.bin'), Buffer.alloc(3_000_000))
    await expect(takeSnapshot(root, copy, { mostBytes: 2 ** 20 })).rejects.toThrow(
      /holds 3 MB, more than the 1 MB that are copied; leave folders out with --exclude/,
    )
    expect(existsSync(copy)).toBe(false)
    const snapshot = await takeSnapshot(root, copy, { mostBytes: 2 ** 20, excluded: { paths: ['ignored'] } })
    rmSync(path.join(root, 'ignored/large.bin'))
    expect(restoreSnapshot(snapshot)).toEqual([])
  })

  it('is not begun where a name could not be written again', async () => {
    const { root, copy } = project({ isRepository: false })
    writeFileSync(Buffer.concat([Buffer.from(`${root}/latin-`), Buffer.from([0xe4])]), 'x')
    await expect(takeSnapshot(root, copy, tree)).rejects.toThrow(/has a name that is no UTF-8/)
  })

  it('leads links into the folder into its copies', async () => {
    const { root, copy } = project({ isRepository: false })
    symlinkSync(path.join(root, 'src'), path.join(root, 'absolute'))
    const snapshot = await takeSnapshot(root, copy, tree)
    await copySnapshot(snapshot, `${copy}-arm`)
    writeFileSync(path.join(root, 'src/tools/load.js'), 'changed')
    expect(readFileSync(path.join(`${copy}-arm`, 'absolute/tools/load.js'), 'utf8')).toContain('fetchOne')
  })
})

describe("git's state", () => {
  const meddle = (root: string): void => {
    git(root, 'add', '-A')
    git(root, 'commit', '-qm', 'never asked for')
    git(root, 'checkout', '-qb', 'surprise')
    git(root, 'stash', 'drop', '-q')
    git(root, 'branch', '-D', '-q', 'other')
    git(root, 'tag', 'v1')
    git(root, 'config', 'core.autocrlf', 'true')
    git(root, 'gc', '-q')
    // As a git command that was killed leaves it.
    writeFileSync(path.join(root, '.git/index.lock'), '')
  }

  it('is put back with HEAD, index, branches, stashes and logs, the files with it', async () => {
    const { root, copy } = project()
    const repository = findRepository(path.join(root, 'src'))
    expect(repository?.root).toBe(root)
    if (repository === undefined) return
    const before = fingerprint(root)
    const snapshot = await takeSnapshot(root, copy, tree)
    const state = await takeGitState(repository, `${copy}-git`)
    meddle(root)
    restoreGitState(state)
    restoreSnapshot(snapshot)
    expect(fingerprint(root)).toEqual(before)
    expect(git(root, 'stash', 'list')).toContain('WIP on main')
    expect(git(root, 'status', '--porcelain').split('\n').sort()).toEqual([
      '',
      ' D deleted.txt',
      ' M kept.txt',
      '?? untracked/',
      'MM staged.txt',
    ])
    expect(git(root, 'fsck', '--connectivity-only')).not.toContain('missing')
  })

  it('is put back on a branch that is called as the folder of its objects', async () => {
    const { root, copy } = project()
    git(root, 'checkout', '-q', '-b', 'topic/objects')
    const repository = findRepository(root)
    if (repository === undefined) throw new Error('no repository')
    const head = git(root, 'rev-parse', 'HEAD')
    const state = await takeGitState(repository, copy)
    git(root, 'commit', '-qm', 'never asked for')
    expect(git(root, 'rev-parse', 'HEAD')).not.toBe(head)
    restoreGitState(state)
    expect(git(root, 'rev-parse', 'HEAD')).toBe(head)
    expect(git(root, 'reflog', '-1', 'HEAD')).not.toContain('never asked for')
  })

  it('of a linked working tree is put back without touching what others did meanwhile', async () => {
    const { root, copy } = project()
    const linked = `${root}-linked`
    git(root, 'worktree', 'add', '-q', '-b', 'linked', linked)
    onTestFinished(() => rmSync(linked, { recursive: true, force: true }))
    const repository = findRepository(linked)
    if (repository === undefined) throw new Error('no repository')
    const [head, log] = [git(linked, 'rev-parse', 'HEAD'), git(linked, 'reflog', 'linked')]
    const state = await takeGitState(repository, copy)
    writeFileSync(path.join(linked, 'kept.txt'), 'x')
    git(linked, 'commit', '-qam', 'never asked for')
    git(root, 'commit', '-qm', 'of another working tree')
    const theirs = git(root, 'rev-parse', 'main')
    restoreGitState(state)
    expect([git(linked, 'rev-parse', 'HEAD'), git(linked, 'reflog', 'linked')]).toEqual([head, log])
    expect(git(linked, 'status', '--porcelain')).toBe(' M kept.txt\n')
    expect(git(root, 'rev-parse', 'main')).toBe(theirs)
  })

  it('of a repository within the project is put back after it was deleted, its history with it', async () => {
    const { root, copy } = project()
    const inner = path.join(root, 'src/inner')
    const other = path.join(root, 'src/other')
    for (const folder of [inner, other]) {
      mkdirSync(folder)
      writeFileSync(path.join(folder, 'file.txt'), 'as it was\n')
      git(folder, 'init', '-q', '-b', 'main')
      git(folder, 'add', '-A')
      git(folder, 'commit', '-qm', 'first')
    }
    const found = repositoriesBelow(root, { paths: ['.git'] })
    expect(found.map((repository) => repository.root)).toEqual([inner, other])
    const head = git(inner, 'rev-parse', 'HEAD')
    const snapshot = await takeSnapshot(root, copy, { excluded: { paths: ['.git', 'src/inner/.git', 'src/other/.git'] } })
    const state: GitState[] = []
    for (const [i, one] of found.entries()) state.push(...(await takeGitState(one, `${copy}-${i}`, { withObjects: true })))
    writeFileSync(path.join(other, 'file.txt'), 'changed\n')
    git(other, 'commit', '-qam', 'never asked for')
    const added = git(other, 'rev-parse', 'HEAD').trim()
    rmSync(inner, { recursive: true })
    restoreSnapshot(snapshot)
    restoreGitState(state)
    expect([git(inner, 'rev-parse', 'HEAD'), git(inner, 'status', '--porcelain')]).toEqual([head, ''])
    expect(git(inner, 'fsck', '--full')).not.toContain('missing')
    expect(git(other, 'log', '--format=%s')).toBe('first\n')
    // What was added to the objects may be somebody else's.
    expect(git(other, 'cat-file', '-t', added)).toBe('commit\n')
    // A link in its place leads to what is not the project's: that stays, and the others are put back all the same.
    const outside = `${root}-outside`
    onTestFinished(() => rmSync(outside, { recursive: true, force: true }))
    renameSync(inner, outside)
    symlinkSync(outside, inner)
    git(outside, 'commit', '-q', '--allow-empty', '-m', 'of somebody else')
    git(other, 'commit', '-q', '--allow-empty', '-m', 'never asked for')
    expect(() => restoreGitState(state)).toThrow(/src\/inner\/\.git is another file or folder now/)
    expect([git(outside, 'log', '-1', '--format=%s'), git(other, 'log', '--format=%s')]).toEqual(['of somebody else\n', 'first\n'])
  })

  it('is not copied while another git command works', async () => {
    const { root, copy } = project()
    const repository = findRepository(root)
    if (repository === undefined) throw new Error('no repository')
    writeFileSync(path.join(root, '.git/index.lock'), '')
    await expect(takeGitState(repository, copy)).rejects.toThrow(/A git command is running/)
  })
})
