import undici from '../../src/integrations/undici.ts'
import { testIntegration } from '../support/conformance.ts'
import type { ExpectedSpan, ExpectedValue } from '../support/expect-spans.ts'

/** One request: method, path with masked query, and what it came to. */
function call(method: string, path: string, status: number | undefined, more: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const attributes: Record<string, ExpectedValue> = {
    'http.request.method': method,
    'server.address': '127.0.0.1',
    'server.port': (port) => typeof port === 'number',
    'url.full': (url) => typeof url === 'string' && url.replace(/:\d+/, '') === `http://127.0.0.1${path}`,
    ...(status === undefined ? {} : { 'http.response.status_code': status }),
    ...more.attributes,
  }
  return { name: method, kind: 'client', ...more, attributes }
}

const failed = (type: string) => ({ status: 'error' as const, attributes: { 'error.type': type } })
const stopped = { attributes: { 'perf.http.aborted': true } }

await testIntegration(undici, {
  scenario: 'undici',
  library: 'undici',
  // Node's own fetch is recorded whatever the version of the package.
  unsupported: false,
  operation: (i) => [call('GET', `/n/${i}`, 200)],
  expect: {
    builtIn: [call('GET', '/plain?token=REDACTED&page=REDACTED', 200, { payloads: ['url.query'] })],
    packaged: [call('POST', '/plain', 200)],
    client: [call('GET', '/plain', 200)],
    streamed: [call('GET', '/slow', 200)],
    notFound: [call('GET', '/status/404', 404, failed('404'))],
    serverError: [call('GET', '/status/500', 500, failed('500'))],
    redirected: [call('GET', '/redirect', 302), call('GET', '/plain', 200)],
    aborted: [call('GET', '/never', undefined, stopped)],
    cancelled: [call('GET', '/slow', 200, stopped)],
    retried: (version) => (version === '6.0.0' ? [] : [call('GET', '/flaky', 503, failed('503')), call('GET', '/flaky', 200)]),
    propagated: [call('GET', '/traced', 200), call('GET', '/own', 200)],
    invalid: [],
  },
})
