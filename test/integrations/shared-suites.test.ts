// Every integration passes a suite that all others pass, too: 100 concurrent calls over a pool of 2, 20 siblings, a failing call, no secret,
// the library's own keys, an unsupported version.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { expect, it } from 'vitest'

/** Node's own, which have one version and are tested with servers and clients of their own, and what makes no span. */
const OWN_SUITE = ['console', 'http-client', 'http-server', 'http2-client', 'http2-server', 'piscina']

const names = readdirSync('src/integrations')
  .map((file) => file.replace(/\.ts$/, ''))
  .filter((name) => name !== 'registry')

it.each(names)('%s', (name) => {
  const file = `test/integrations/${name}.test.ts`
  expect(existsSync(file), file).toBe(true)
  const isShared = /^\s*(?:await )?testIntegration\(|\btestFramework\(/m.test(readFileSync(file, 'utf8'))
  expect(isShared).toBe(!OWN_SUITE.includes(name))
})
