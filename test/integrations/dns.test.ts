import dns from '../../src/integrations/dns.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

/** One question and its answers, or why there is none. */
function question(name: string, host: string, answers: readonly string[] | string, more: Record<string, ExpectedValue> = {}): ExpectedSpan {
  const end: Record<string, ExpectedValue> =
    typeof answers === 'string' ? { 'error.type': answers } : { 'dns.answers': answers, 'perf.dns.answers': answers.length }
  return {
    name: `dns.${name}`,
    kind: 'client',
    status: typeof answers === 'string' ? 'error' : 'unset',
    attributes: { 'dns.question.name': host, ...end, ...more },
  }
}

const local = question('lookup', 'localhost', ['127.0.0.1'])
const known = question('resolve4', 'known.test', ['10.1.2.3'])

await testIntegration(dns, {
  scenario: 'dns',
  library: 'node:dns',
  modules: ['node:dns', 'node:dns/promises'],
  operation: () => [local],
  expect: {
    lookup: [local],
    lookupAll: [local],
    promised: [local, local, local],
    address: [],
    resolved: [known, question('resolve', 'known.test', ['10.1.2.3'], { 'perf.dns.type': 'A' })],
    unknown: [question('resolve4', 'nowhere.test', 'ENOTFOUND')],
    bound: [known, known],
    invalid: [question('lookup', 'localhost', 'ERR_INVALID_ARG_VALUE')],
    context: [local, { name: 'found', kind: 'internal', layer: 'function', integration: 'api', attributes: {} }],
    connected: [local],
  },
})
