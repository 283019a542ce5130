import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { onTestFinished } from 'vitest'

/** The installed packages, with copies of `libraries` that claim another version. */
export function withVersion(modules: string, libraries: readonly string[], version: string): string {
  const temporary = mkdtempSync(path.join(os.tmpdir(), 'perf-test-version-'))
  onTestFinished(() => rmSync(temporary, { recursive: true, force: true }))
  const folder = path.join(temporary, 'node_modules')
  mkdirSync(folder)
  for (const name of readdirSync(modules)) {
    if (name.startsWith('.') || libraries.includes(name)) continue
    if (!libraries.some((library) => library.startsWith(`${name}/`))) {
      symlinkSync(path.join(modules, name), path.join(folder, name), 'dir')
      continue
    }
    mkdirSync(path.join(folder, name))
    for (const inner of readdirSync(path.join(modules, name))) {
      if (!libraries.includes(`${name}/${inner}`)) symlinkSync(path.join(modules, name, inner), path.join(folder, name, inner), 'dir')
    }
  }
  for (const library of libraries) {
    const copy = path.join(folder, library)
    mkdirSync(path.dirname(copy), { recursive: true })
    cpSync(path.join(modules, library), copy, { recursive: true })
    const manifest = path.join(copy, 'package.json')
    const description = JSON.parse(readFileSync(manifest, 'utf8')) as Record<string, unknown>
    writeFileSync(manifest, JSON.stringify({ ...description, version }))
  }
  return folder
}
