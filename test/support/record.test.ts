import { expect, it } from 'vitest'
import { record } from './record.ts'

const app = `
import pg from 'pg'
import path from 'node:path'
console.log(typeof pg.Client, typeof path.join, process.argv[2], process.env.EXTRA)
process.exitCode = 3
`

it.each(['esm', 'cjs'] as const)('runs a program as %s with installed packages, arguments and environment', async (format) => {
  const run = await record({ app, format, agent: 'none', packages: ['pg@8.23.1'], args: ['one'], env: { EXTRA: 'two' } })
  expect(run.stderr).toBe('')
  expect(run.stdout).toBe('function function one two\n')
  expect(run.status).toBe(3)
  expect(run.spans).toEqual([])
})

it('sends a signal when the program says so, and kills one that does not end', async () => {
  const waiting = `console.log('ready'); setInterval(() => {}, 1000)`
  const signalled = await record({ app: waiting, agent: 'none', kill: { signal: 'SIGTERM', when: 'ready' } })
  expect([signalled.signal, signalled.timedOut]).toEqual(['SIGTERM', false])
  const endless = await record({ app: waiting, agent: 'none', timeoutMs: 500 })
  expect([endless.signal, endless.timedOut]).toEqual(['SIGKILL', true])
})
