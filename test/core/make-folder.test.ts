// In a child process: a call that does not come back would hang the test, too.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { makeFolder } from '../../src/core/make-folder.ts'
import { repositoryRoot } from '../support/node-under-test.ts'

let root: string
beforeAll(() => {
  root = mkdtempSync(path.join(tmpdir(), 'perf-folder-'))
})
afterAll(() => rmSync(root, { recursive: true }))

it('makes the folder and those above it, for their owner alone; once more does nothing', () => {
  const folder = path.join(root, 'a', 'b', 'c')
  makeFolder(folder)
  makeFolder(folder)
  expect([path.dirname(folder), folder].map((name) => statSync(name).mode & 0o777)).toEqual([0o700, 0o700])
})

it('throws where a file stands in the way', () => {
  const file = path.join(root, 'file')
  writeFileSync(file, '')
  expect(() => makeFolder(file)).toThrow('EEXIST')
  expect(() => makeFolder(path.join(file, 'below'))).toThrow('ENOTDIR')
})

it.runIf(process.platform === 'linux')('comes back where a folder that exists refuses new ones', async () => {
  const program = `import { build } from 'esbuild'
    const { outputFiles } = await build({ entryPoints: ['src/core/make-folder.ts'], bundle: true, write: false, format: 'esm', platform: 'node' })
    const { makeFolder } = await import('data:text/javascript,' + encodeURIComponent(outputFiles[0].text))
    try { makeFolder('/proc/nowhere/a') } catch ({ code }) { console.log(code) }`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    cwd: repositoryRoot,
    timeout: 30_000,
  })
  expect(stdout).toBe('ENOENT\n')
})
