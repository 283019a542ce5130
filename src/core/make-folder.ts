import fs from 'node:fs'
import path from 'node:path'

/**
 * Makes a folder of the owner alone, with those above it. Throws what the disk says. Not `mkdirSync` with `recursive`: that never
 * returns where a folder that exists refuses new ones with ENOENT (`/proc`; Node 20 to 26), and a thread inside it cannot be ended.
 */
export function makeFolder(folder: string): void {
  const above = path.dirname(folder)
  if (above !== folder && !fs.existsSync(above)) makeFolder(above)
  try {
    fs.mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (!fs.statSync(folder, { throwIfNoEntry: false })?.isDirectory()) throw error
  }
}
