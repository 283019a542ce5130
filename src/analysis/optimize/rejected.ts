import fs from 'node:fs'
import path from 'node:path'
import { changesSince, type TreeChange, type TreeSnapshot } from './tree-snapshot.ts'

const MOST_FILES = 200
const MOST_BYTES = 1_000_000

/** Copies what a rejected change made of the files (not those of `node_modules`) to `<PERF_DIR>/rejected/`, so that it can be looked at; gives the folder. */
export function keepRejected(dir: string, id: string, { root }: TreeSnapshot, changes: readonly TreeChange[]): string | null {
  const files = changes.filter(({ path: file, kind }) => {
    if (kind === 'removed' || /(^|\/)node_modules\//.test(file)) return false
    const stat = fs.lstatSync(path.join(root, file), { throwIfNoEntry: false })
    return stat?.isFile() === true && stat.size <= MOST_BYTES
  })
  if (files.length === 0) return null
  const stamp = new Date().toISOString().replaceAll(/[-:]|\.\d+Z/g, '').replace('T', '-') // prettier-ignore
  const folder = path.join(dir, 'rejected', `${id}_${stamp}`)
  for (const { path: file } of files.slice(0, MOST_FILES)) {
    const target = path.join(folder, file)
    fs.mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 })
    fs.copyFileSync(path.join(root, file), target)
    fs.chmodSync(target, 0o600)
  }
  return folder
}

/** The same of whatever is not as it was, before it is put back: a person may have changed it. What cannot be copied must not be in the way of that. */
export function keepChanged(dir: string, id: string, tree: TreeSnapshot): string | null {
  try {
    return keepRejected(dir, id, tree, changesSince(tree))
  } catch {
    return null
  }
}
