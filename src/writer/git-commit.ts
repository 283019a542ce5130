import fs from 'node:fs'
import path from 'node:path'

/** The commit that is checked out in the repository around `folder`, read from `.git` without running git. */
export function gitCommit(folder: string): string | undefined {
  try {
    const git = findGit(folder)
    if (git === undefined) return undefined
    const head = fs.readFileSync(path.join(git, 'HEAD'), 'utf8').trim()
    if (!head.startsWith('ref: ')) return isHash(head) ? head : undefined
    const ref = head.slice(5)
    const common = commonFolder(git)
    return readRef(git, ref) ?? readRef(common, ref) ?? packedRef(common, ref)
  } catch {
    return undefined
  }
}

function findGit(folder: string): string | undefined {
  for (let current = path.resolve(folder); ; current = path.dirname(current)) {
    const candidate = path.join(current, '.git')
    const stat = fs.statSync(candidate, { throwIfNoEntry: false })
    if (stat?.isDirectory()) return candidate
    if (stat?.isFile())
      return path.resolve(
        current,
        fs
          .readFileSync(candidate, 'utf8')
          .replace(/^gitdir:\s*/, '')
          .trim(),
      )
    if (path.dirname(current) === current) return undefined
  }
}

/** A worktree keeps its refs in the main repository. */
function commonFolder(git: string): string {
  try {
    return path.resolve(git, fs.readFileSync(path.join(git, 'commondir'), 'utf8').trim())
  } catch {
    return git
  }
}

function readRef(git: string, ref: string): string | undefined {
  try {
    const hash = fs.readFileSync(path.join(git, ref), 'utf8').trim()
    return isHash(hash) ? hash : undefined
  } catch {
    return undefined
  }
}

function packedRef(git: string, ref: string): string | undefined {
  try {
    const line = fs
      .readFileSync(path.join(git, 'packed-refs'), 'utf8')
      .split('\n')
      .find((entry) => entry.endsWith(` ${ref}`))
    const hash = line?.slice(0, line.indexOf(' '))
    return hash !== undefined && isHash(hash) ? hash : undefined
  } catch {
    return undefined
  }
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{40,64}$/.test(text)
}
