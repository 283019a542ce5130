import { describe, expect, it } from 'vitest'
import fs from '../../src/integrations/fs.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'
import { record } from '../support/record.ts'

/** One operation on a file of the program's folder. */
function operation(name: string, file: string | undefined, more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const extension = /\.(\w+)$/.exec(file ?? '')?.[1]
  return {
    name: `fs.${name}`,
    kind: 'internal',
    status: 'error.type' in more ? 'error' : 'unset',
    attributes: {
      ...(file === undefined ? {} : { 'file.path': file }),
      ...(extension === undefined ? {} : { 'file.extension': extension }),
      ...more,
    },
  }
}
const bytes = (count: number) => ({ 'perf.fs.bytes': count })
const blocking = { 'perf.loop.blocking': true }

await testIntegration(fs, {
  scenario: 'fs',
  library: 'node:fs',
  modules: ['node:fs', 'node:fs/promises'],
  operation: () => [operation('readFile', 'files/promised', bytes(7))],
  expect: {
    callbacks: [operation('writeFile', 'files/written.json', bytes(2)), operation('readFile', 'files/written.json', bytes(2))],
    promises: [
      operation('writeFile', 'files/promised', bytes(7)),
      operation('readFile', 'files/text.txt', bytes(5)),
      operation('stat', 'files/promised'),
      operation('readFile', 'files/text.txt', bytes(5)),
    ],
    sync: [
      operation('appendFile', 'files/text.txt', { ...bytes(1), ...blocking }),
      operation('readFile', 'files/text.txt', { ...bytes(6), ...blocking }),
      operation('stat', 'files/text.txt', blocking),
    ],
    missing: [
      operation('readFile', 'files/none', { 'error.type': 'ENOENT' }),
      operation('readFile', 'files/none', { 'error.type': 'ENOENT' }),
    ],
    elsewhere: ['writeFile', 'readFile'].map((name) => ({
      ...operation(name, undefined, { 'perf.fs.bytes': (count) => typeof count === 'number' && count > 0, ...blocking }),
      payloads: ['file.path'],
    })),
    handle: [operation('open', 'files/text.txt')],
    invalid: [operation('readFile', undefined, { 'error.type': 'ERR_INVALID_ARG_TYPE', ...blocking })],
    context: [operation('stat', 'files'), { name: 'in callback', kind: 'internal', layer: 'function', integration: 'api', attributes: {} }],
  },
})

describe('files', () => {
  const app = `import fs from 'node:fs'
import { span } from '@perf/agent/api'
fs.statSync('.')
span('work', () => fs.statSync('.'))
`
  it.each([
    [{}, []],
    [{ PERF_OPT_IN: 'fs' }, ['fs.stat']],
    [{ PERF_INTEGRATIONS: 'fs' }, ['fs.stat']],
    [{ PERF_OPT_IN: 'fs', PERF_DISABLE: 'fs' }, []],
  ])('are recorded on request only, and inside of spans: %j', async (env, names) => {
    const { spans } = await record({ app, env })
    expect(spans.filter(({ integration }) => integration === 'fs').map(({ name }) => name)).toEqual(names)
  })
})
