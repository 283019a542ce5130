import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { benchRoot, repositoryRoot } from './paths.mjs'

const register = join(repositoryRoot, 'dist', 'register.js')
const allLayers = ['http', 'pg', 'redis', 'ai']

/**
 * What is compared: how each is switched on, in its documented way for an ES module app and with its defaults, apart from where
 * it sends (a sink on loopback) and signals other than traces.
 * `mustRecord` are the layers it has to be seen recording before it is measured; `sinceNode` is what its current major needs.
 */
export const variants = [
  { name: 'bare', title: 'bare', sinceNode: 20, nodeArguments: [], environment: () => ({}), mustRecord: [] },
  {
    name: 'perf',
    title: '@perf/agent',
    package: '@perf/agent',
    sinceNode: 20,
    nodeArguments: ['--import', pathToFileURL(register).href],
    environment: ({ folder }) => ({ PERF_DIR: folder, PERF_SERVICE: 'bench' }),
    mustRecord: allLayers,
    missing: () => (existsSync(register) ? null : 'dist/register.js is missing: npm run build'),
  },
  {
    name: 'otel',
    title: 'OpenTelemetry',
    package: '@opentelemetry/auto-instrumentations-node',
    sinceNode: 22,
    nodeArguments: [
      '--experimental-loader=@opentelemetry/instrumentation/hook.mjs',
      '--require',
      '@opentelemetry/auto-instrumentations-node/register',
    ],
    environment: ({ sinkPort }) => ({
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${sinkPort}`,
      OTEL_SERVICE_NAME: 'bench',
      OTEL_METRICS_EXPORTER: 'none',
      OTEL_LOGS_EXPORTER: 'none',
    }),
    mustRecord: allLayers,
  },
  {
    name: 'dd',
    title: 'dd-trace',
    package: 'dd-trace',
    sinceNode: 22,
    nodeArguments: ['--import', 'dd-trace/initialize.mjs'],
    environment: ({ sinkPort }) => ({
      DD_TRACE_AGENT_URL: `http://127.0.0.1:${sinkPort}`,
      DD_SERVICE: 'bench',
      DD_INSTRUMENTATION_TELEMETRY_ENABLED: 'false',
      DD_TRACE_STARTUP_LOGS: 'false',
    }),
    mustRecord: allLayers,
  },
  {
    name: 'sentry',
    title: 'Sentry',
    package: '@sentry/node',
    sinceNode: 22,
    nodeArguments: ['--import', pathToFileURL(join(benchRoot, 'app', 'start-sentry.mjs')).href],
    environment: ({ sinkPort }) => ({ BENCH_SENTRY_DSN: `http://bench@127.0.0.1:${sinkPort}/1` }),
    mustRecord: allLayers,
  },
  {
    name: 'elastic',
    title: 'Elastic',
    package: 'elastic-apm-node',
    sinceNode: 22,
    nodeArguments: ['--experimental-loader=elastic-apm-node/loader.mjs', '--import', 'elastic-apm-node/start.js'],
    environment: ({ sinkPort }) => ({
      ELASTIC_APM_SERVER_URL: `http://127.0.0.1:${sinkPort}`,
      ELASTIC_APM_SERVICE_NAME: 'bench',
      ELASTIC_APM_CLOUD_PROVIDER: 'none',
      ELASTIC_APM_LOG_LEVEL: 'off',
    }),
    mustRecord: ['http', 'pg', 'redis'],
  },
]
