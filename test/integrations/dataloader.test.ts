import dataloader from '../../src/integrations/dataloader.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

// A loader has a name since 2.1.
const nameOf = (version: string, name: string): ExpectedValue => (version === '2.0.0' ? /^scenario\.js:\d+$/ : name)

function operation(
  version: string,
  name: 'load' | 'set' | 'delete',
  loader: string,
  more: Record<string, ExpectedValue> = {},
): ExpectedSpan {
  const attributes = { 'perf.cache.name': nameOf(version, loader), 'perf.cache.operation': name, ...more }
  return { name: `${name} dataloader`, kind: 'internal', attributes, payloads: ['cache.key'] }
}

function batch(version: string, loader: string, size: number): ExpectedSpan {
  const attributes = { ...(version !== '2.0.0' && { 'perf.cache.name': loader }), 'perf.batch.size': size }
  return { name: 'batch dataloader', kind: 'internal', attributes }
}

const isSize = (value: unknown): boolean => Number(value) >= 1
const hit = { 'perf.cache.hit': true }
const miss = { 'perf.cache.hit': false }
const bytes = { 'perf.cache.bytes': isSize }

await testIntegration(dataloader, {
  library: 'dataloader',
  scenario: 'dataloader',
  operation: (i, version) => [
    i % 2 === 0 ? operation(version, 'load', 'primed', { ...hit, ...bytes }) : operation(version, 'delete', 'primed'),
  ],
  expect: {
    // The batch is below the load that began it.
    batch: (version) => [
      { ...operation(version, 'load', 'users', miss), children: [batch(version, 'users', 2)] },
      operation(version, 'load', 'users', miss),
      operation(version, 'load', 'users', { ...hit, ...bytes }),
    ],
    cached: (version) => [
      operation(version, 'load', 'users', { ...hit, ...bytes }),
      operation(version, 'load', 'users', { ...hit, ...bytes }),
    ],
    withoutCache: (version) => [{ ...operation(version, 'load', 'uncached'), children: [batch(version, 'uncached', 1)] }],
    failure: (version) => [
      { ...operation(version, 'load', 'users', { 'error.type': 'RangeError' }), status: 'error', children: [batch(version, 'users', 1)] },
    ],
    priming: (version) => [operation(version, 'set', 'users'), operation(version, 'load', 'users', hit)],
  },
})
