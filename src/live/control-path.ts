import fs from 'node:fs'
import os from 'node:os'
import path from 'node:path'

/** A Unix socket's address holds 108 bytes, the last one zero; on macOS 104. */
const MAX_PATH_BYTES = process.platform === 'darwin' ? 103 : 107

/** Where the control socket of a process is. */
export interface ControlPath {
  /** What to listen on or connect to. */
  address: string
  /** File in the session folder that names the address, where the socket itself is elsewhere. */
  pointer: string | undefined
}

/** Folder of the sockets of a session: `hot/`, beside the environments. */
const folderOf = (sessionDir: string): string => path.join(sessionDir, 'hot')

/** Chooses where a process listens: in the session folder, or, where that path is too long, in a folder of its own below the temporary one. */
export function choosePath(sessionDir: string, instance: string): ControlPath {
  const own = path.join(folderOf(sessionDir), `${instance}.sock`)
  const pointer = `${own}.path`
  if (process.platform === 'win32') return { address: `\\\\.\\pipe\\perf-agent-${instance}`, pointer }
  if (Buffer.byteLength(own) <= MAX_PATH_BYTES) return { address: own, pointer: undefined }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'perf-agent-'))
  return { address: path.join(folder, 'control.sock'), pointer }
}

/** The sockets of a session's processes, by instance, as far as they have one. */
export function findPaths(sessionDir: string): Map<string, string> {
  const found = new Map<string, string>()
  let names: string[]
  try {
    names = fs.readdirSync(folderOf(sessionDir))
  } catch {
    return found
  }
  for (const name of names) {
    const file = path.join(folderOf(sessionDir), name)
    if (name.endsWith('.sock')) found.set(name.slice(0, -'.sock'.length), file)
    else if (name.endsWith('.sock.path')) found.set(name.slice(0, -'.sock.path'.length), fs.readFileSync(file, 'utf8').trim())
  }
  return found
}
