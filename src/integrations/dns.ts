import { defineIntegration, target, type Call, type Outcome, type SpanEnd } from '../core/integration.ts'
import { systemFailure } from '../semantics/net.ts'

interface LookupCall {
  args: [host: unknown, ...more: unknown[]]
  result: unknown
}

const RESOLVERS = [
  'resolve', 'resolve4', 'resolve6', 'resolveAny', 'resolveCaa', 'resolveCname', 'resolveMx', 'resolveNaptr', 'resolveNs', 'resolvePtr', 'resolveSoa',
  'resolveSrv', 'resolveTxt', 'reverse',
] // prettier-ignore
const MAX_ANSWERS = 8

const asked = (name: string, path: string, module: 'dns' | 'dns/promises', settles: 'callback' | 'promise') =>
  target<LookupCall>({
    module,
    path,
    versions: '*',
    settles,
    insideOnly: true,
    outermost: true,
    start: ({ args: [host, type] }: Call<LookupCall>) =>
      name === 'lookup' && isAddress(host)
        ? undefined
        : {
            name: `dns.${name}`,
            kind: 'client',
            attributes: {
              'dns.question.name': typeof host === 'string' ? host : undefined,
              'perf.dns.type': name === 'resolve' && typeof type === 'string' ? type : undefined,
            },
          },
    end: (_call, outcome) => (outcome.ok ? answers(outcome) : systemFailure(outcome)),
  })

// `net` asks by `dns.lookup`, so the name of a host that a driver connects to is a span below the driver's. Functions of the module are bound
// to its resolver when it loads, and again by `setServers`, then to the patched methods: one of the two, never both.
export default defineIntegration({
  name: 'dns',
  module: ['node:dns', 'node:dns/promises'],
  kind: 'net',
  records: {
    spans: ['dns.lookup', 'dns.resolve4', 'dns.reverse'],
    attributes: ['dns.question.name', 'dns.answers', 'perf.dns.answers', 'perf.dns.type'],
    against: 'the hosts file and a scripted DNS server',
  },
  targets: [
    asked('lookup', 'lookup', 'dns', 'callback'),
    asked('lookup', 'promises.lookup', 'dns', 'promise'),
    asked('lookup', 'lookup', 'dns/promises', 'promise'),
    ...RESOLVERS.flatMap((name) => [
      asked(name, name, 'dns', 'callback'),
      asked(name, `Resolver.prototype.${name}`, 'dns', 'callback'),
      asked(name, `promises.${name}`, 'dns', 'promise'),
      asked(name, `promises.Resolver.prototype.${name}`, 'dns', 'promise'),
      asked(name, name, 'dns/promises', 'promise'),
      asked(name, `Resolver.prototype.${name}`, 'dns/promises', 'promise'),
    ]),
  ],
})

/** Addresses as OpenTelemetry has them; of other records their number. */
function answers({ result }: Outcome & { ok: true }): SpanEnd {
  const list: unknown[] = Array.isArray(result) ? result : [result]
  const addresses = list
    .slice(0, MAX_ANSWERS)
    .map((answer) => (typeof answer === 'string' ? answer : (answer as { address?: unknown } | null)?.address))
  const known = addresses.filter((address) => typeof address === 'string')
  return { attributes: { 'dns.answers': known.length > 0 ? known : undefined, 'perf.dns.answers': list.length } }
}

/** Nobody is asked for the address of an address. */
function isAddress(host: unknown): boolean {
  return typeof host !== 'string' || /^[\d.]+$|:/.test(host)
}
