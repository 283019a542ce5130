import fs from 'node:fs'
import path from 'node:path'
import { hex32, random32 } from './ids.ts'

/** `<service>_<YYYYMMDD-HHMMSS>_<4 hex>`, in UTC. */
export function newSessionName(service: string, nowMs: number): string {
  const stamp = new Date(nowMs).toISOString().slice(0, 19).replaceAll('-', '').replaceAll(':', '').replace('T', '-')
  return `${safeName(service)}_${stamp}_${hex32(random32()).slice(0, 4)}`
}

/** Name of the service: the configured one, else the nearest package.json above the entry file, else its file name. */
export function serviceName(configured: string, entry: string | undefined, cwd: string): string {
  if (configured !== '') return configured
  const start = entry === undefined || entry === '' ? cwd : path.dirname(path.resolve(cwd, entry))
  for (let folder = start; ; folder = path.dirname(folder)) {
    const name = packageName(path.join(folder, 'package.json'))
    if (name !== undefined) return name
    if (path.dirname(folder) === folder) break
  }
  return entry === undefined || entry === '' ? 'node' : path.basename(entry).replace(/\.[^.]*$/, '') || 'node'
}

function packageName(file: string): string | undefined {
  try {
    const name: unknown = (JSON.parse(fs.readFileSync(file, 'utf8')) as { name?: unknown }).name
    return typeof name === 'string' && name !== '' ? name : undefined
  } catch {
    return undefined
  }
}

function safeName(service: string): string {
  return (
    service
      .replace(/^@/, '')
      .replace(/[^A-Za-z0-9.-]+/g, '-')
      .replace(/^[-.]+/, '')
      .slice(0, 60) || 'node'
  )
}
