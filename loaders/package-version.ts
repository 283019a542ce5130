import fs from 'node:fs'
import path from 'node:path'

const versions = new Map<string, string>()

/** Version in the package.json of a package's folder; `0.0.0` when it cannot be read. */
export function packageVersion(baseDir: string): string {
  let version = versions.get(baseDir)
  if (version === undefined) {
    version = readVersion(baseDir)
    versions.set(baseDir, version)
  }
  return version
}

function readVersion(baseDir: string): string {
  try {
    const json: unknown = JSON.parse(fs.readFileSync(path.join(baseDir, 'package.json'), 'utf8'))
    const version = typeof json === 'object' && json !== null ? (json as { version?: unknown }).version : undefined
    return typeof version === 'string' ? version : '0.0.0'
  } catch {
    return '0.0.0'
  }
}
