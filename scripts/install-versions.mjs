// The versions the tests run against, and their installation: `.cache/versions/<lib>@<version>/node_modules/<lib>`.
//   node scripts/install-versions.mjs              everything that works on this Node
//   node scripts/install-versions.mjs pg ioredis   these libraries
//   node scripts/install-versions.mjs pg@8.0.3     this version
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildAddon, nodeUnderTest, unbuildable } from './native-build.mjs'
import { generatePrismaClient } from './prisma-client.mjs'

/**
 * Lowest supported version and the newest of each major. `node` is the lowest Node major a version runs on, `until` the
 * highest; `with` are packages that are installed beside it (peers, or dependencies held back to their time); with `build` its native part
 * (or that of the package it names) is compiled, for each major version of Node apart; with `generate` the client of Prisma is.
 */
export const MATRIX = [
  { lib: 'pg', version: '8.0.3', with: ['pg-pool@3.1.0', 'pg-cursor@2.3.0', 'pg-query-stream@3.1.0'] },
  { lib: 'pg', version: '8.11.6', with: ['pg-pool@3.6.2', 'pg-cursor@2.10.6', 'pg-query-stream@4.5.5'] },
  { lib: 'pg', version: '8.23.1', with: ['pg-pool@3.14.0', 'pg-cursor@2.22.0', 'pg-query-stream@4.17.0'] },
  // `pg.native`: libpq is compiled.
  { lib: 'pg-native', version: '3.0.1', with: ['pg@8.0.3', 'pg-pool@3.1.0'], build: 'libpq' },
  { lib: 'pg-native', version: '3.9.0', with: ['pg@8.23.1', 'pg-pool@3.14.0'], build: 'libpq' },
  { lib: 'ioredis', version: '5.0.0' },
  { lib: 'ioredis', version: '5.10.1' },
  { lib: 'ioredis', version: '5.11.1' },
  { lib: 'ioredis', version: '6.0.0' },
  { lib: 'openai', version: '4.20.0' },
  { lib: 'openai', version: '4.104.0' },
  { lib: 'openai', version: '5.23.2' },
  { lib: 'openai', version: '6.49.0' },
  { lib: 'openai', version: '7.57.0', node: 22 },
  { lib: '@anthropic-ai/sdk', version: '0.30.1' },
  { lib: '@anthropic-ai/sdk', version: '0.137.0' },
  { lib: '@anthropic-ai/sdk', version: '1.12.0' },
  { lib: 'express', version: '4.17.3' },
  { lib: 'express', version: '4.22.3' },
  { lib: 'express', version: '5.0.0' },
  { lib: 'express', version: '5.3.0' },
  { lib: 'fastify', version: '4.0.0' },
  { lib: 'fastify', version: '4.29.1' },
  { lib: 'fastify', version: '5.0.0' },
  { lib: 'fastify', version: '5.12.8' },
  { lib: 'undici', version: '6.0.0' },
  { lib: 'undici', version: '6.29.1' },
  { lib: 'undici', version: '7.30.2' },
  { lib: 'undici', version: '8.12.4', node: 22 },

  // AI clients
  { lib: '@aws-sdk/client-bedrock-runtime', version: '3.587.0' },
  { lib: '@aws-sdk/client-bedrock-runtime', version: '3.1163.0' },
  { lib: '@google/genai', version: '1.6.0' },
  { lib: '@google/genai', version: '1.52.0' },
  { lib: '@google/genai', version: '2.32.0' },
  { lib: '@google/genai', version: '3.1.0', node: 22 },
  { lib: 'groq-sdk', version: '0.5.0' },
  { lib: 'groq-sdk', version: '0.37.0' },
  { lib: 'groq-sdk', version: '1.6.0' },
  { lib: 'cohere-ai', version: '7.14.0', with: ['@aws-crypto/sha256-js@5.2.0'] },
  { lib: 'cohere-ai', version: '7.21.0' },
  { lib: 'cohere-ai', version: '8.1.0' },
  { lib: 'ollama', version: '0.5.0' },
  { lib: 'ollama', version: '0.5.18' },
  { lib: 'ollama', version: '0.6.4' },
  { lib: '@mistralai/mistralai', version: '1.10.0' },
  { lib: '@mistralai/mistralai', version: '1.15.1' },
  { lib: '@mistralai/mistralai', version: '2.7.0' },

  // AI frameworks, MCP
  { lib: 'ai', version: '4.2.0', with: ['@ai-sdk/openai@1.3.0', 'zod@3.25.76'] },
  { lib: 'ai', version: '4.3.19', with: ['@ai-sdk/openai@1.3.24', 'zod@3.25.76'] },
  { lib: 'ai', version: '5.0.277', with: ['@ai-sdk/openai@2.0.131', 'zod@4.6.7'] },
  { lib: 'ai', version: '6.0.326', with: ['@ai-sdk/openai@3.0.141', 'zod@4.6.7'] },
  { lib: 'ai', version: '7.0.173', with: ['@ai-sdk/openai@4.0.118', 'zod@4.6.7'], node: 22 },
  { lib: '@openai/agents', version: '0.5.0', with: ['zod@4.6.7'] },
  { lib: '@openai/agents', version: '0.14.3', with: ['zod@4.6.7'] },
  { lib: '@openai/agents', version: '0.20.0', with: ['zod@4.6.7'], node: 22 },
  { lib: '@langchain/core', version: '0.3.73', with: ['@langchain/openai@0.6.9', 'zod@3.25.76'] },
  { lib: '@langchain/core', version: '0.3.80', with: ['@langchain/openai@0.6.17', 'zod@3.25.76'] },
  { lib: '@langchain/core', version: '1.4.0', with: ['@langchain/openai@1.5.0', 'zod@4.6.7'] },
  { lib: '@langchain/langgraph', version: '0.2.74', with: ['@langchain/core@0.3.73', 'zod@3.25.76'] },
  { lib: '@langchain/langgraph', version: '0.4.10', with: ['@langchain/core@0.3.80', 'zod@3.25.76'] },
  { lib: '@langchain/langgraph', version: '1.7.3', with: ['@langchain/core@1.4.0', 'zod@4.6.7'] },

  // SQL databases
  { lib: 'mysql2', version: '3.0.0' },
  { lib: 'mysql2', version: '3.24.6' },
  { lib: 'mariadb', version: '2.5.6' },
  { lib: 'mariadb', version: '3.0.0' },
  { lib: 'mariadb', version: '3.5.4' },
  { lib: 'postgres', version: '3.0.0' },
  { lib: 'postgres', version: '3.4.9' },
  { lib: '@electric-sql/pglite', version: '0.3.0' },
  { lib: '@electric-sql/pglite', version: '0.5.16' },
  { lib: '@duckdb/node-api', version: '1.4.0-r.1' },
  { lib: '@duckdb/node-api', version: '1.5.6-r.1' },
  { lib: 'knex', version: '2.0.0', with: ['pg@8.23.1', 'pg-query-stream@4.17.0'] },
  { lib: 'knex', version: '2.5.1', with: ['pg@8.23.1', 'pg-query-stream@4.17.0'] },
  { lib: 'knex', version: '3.3.0', with: ['pg@8.23.1', 'pg-query-stream@4.17.0'] },
  { lib: 'drizzle-orm', version: '0.30.0', with: ['pg@8.23.1'] },
  { lib: 'drizzle-orm', version: '0.45.4', with: ['pg@8.23.1'] },
  { lib: 'better-sqlite3', version: '11.0.0', until: 20, build: true },
  { lib: 'better-sqlite3', version: '11.10.0', until: 22, build: true },
  // Compiled for Node 24.19 or newer it aborts, without the agent, too: nodejs/node#65446.
  { lib: 'better-sqlite3', version: '12.11.1', until: 22, build: true, with: ['drizzle-orm@0.45.4'] },
  { lib: 'better-sqlite3', version: '13.2.0', node: 22, with: ['drizzle-orm@0.45.4'] },

  // Document databases, mappers, Redis
  { lib: '@redis/client', version: '1.0.6' },
  { lib: '@redis/client', version: '1.6.1', with: ['redis@4.7.1'] },
  { lib: '@redis/client', version: '5.0.1' },
  { lib: '@redis/client', version: '5.12.1' },
  { lib: '@redis/client', version: '6.3.1', with: ['redis@6.3.1'] },
  { lib: 'mongodb', version: '4.0.0' },
  { lib: 'mongodb', version: '4.17.2' },
  { lib: 'mongodb', version: '5.9.2' },
  { lib: 'mongodb', version: '6.22.0' },
  { lib: 'mongodb', version: '7.9.0' },
  { lib: 'mongoose', version: '6.0.0' },
  { lib: 'mongoose', version: '6.13.11' },
  { lib: 'mongoose', version: '7.8.13' },
  { lib: 'mongoose', version: '8.24.10' },
  { lib: 'mongoose', version: '9.12.1' },
  { lib: 'prisma', version: '5.22.0', with: ['@prisma/client@5.22.0'], generate: true },
  { lib: '@prisma/client', version: '6.19.3', with: ['prisma@6.19.3', '@prisma/adapter-pg@6.19.3'], generate: true },
  { lib: '@prisma/client', version: '7.10.0', with: ['prisma@7.10.0', '@prisma/adapter-pg@7.10.0'], generate: true },

  // Vector stores
  // Until 1.18 its undici does not fit the fetch of Node 26.
  { lib: '@qdrant/js-client-rest', version: '1.8.0', until: 25 },
  { lib: '@qdrant/js-client-rest', version: '1.18.0', until: 25 },
  { lib: '@qdrant/js-client-rest', version: '1.19.0', node: 22 },
  { lib: 'chromadb', version: '1.10.5' },
  { lib: 'chromadb', version: '3.5.0' },
  // Half a gigabyte a version: no third one for Node 20.
  { lib: '@lancedb/lancedb', version: '0.22.3', with: ['apache-arrow@18.1.0'] },
  { lib: '@lancedb/lancedb', version: '0.39.0', node: 22, with: ['apache-arrow@18.1.0'] },

  // HTTP and RPC
  { lib: 'koa', version: '2.0.0', with: ['@koa/router@8.0.0', 'koa-mount@4.2.0'] },
  { lib: 'koa', version: '2.16.4', with: ['@koa/router@12.0.2', 'koa-mount@4.2.0'] },
  { lib: 'koa', version: '3.0.0', with: ['@koa/router@14.0.0', 'koa-mount@4.2.0'] },
  { lib: 'koa', version: '3.3.0', with: ['@koa/router@15.7.0', 'koa-mount@4.2.0'] },
  ...['8.0.8', '9.4.0', '10.1.1', '11.0.2', '13.1.1'].map((version) => koaRouter('@koa/router', version)),
  ...['7.4.0', '8.0.8', '9.4.0', '10.1.1', '11.0.2', '12.0.1', '13.1.1', '14.0.0'].map((version) => koaRouter('koa-router', version)),
  { lib: 'hono', version: '3.12.0', with: ['@hono/node-server@1.19.19'] },
  { lib: 'hono', version: '3.12.12', with: ['@hono/node-server@1.19.19'] },
  { lib: 'hono', version: '4.0.0', with: ['@hono/node-server@1.19.19'] },
  { lib: 'hono', version: '4.13.19', with: ['@hono/node-server@2.1.8'] },
  { lib: 'graphql', version: '16.0.0' },
  { lib: 'graphql', version: '16.15.0' },
  { lib: 'graphql', version: '17.0.0', node: 22 },
  { lib: 'graphql', version: '17.1.0', node: 22 },
  { lib: '@grpc/grpc-js', version: '1.8.0' },
  { lib: '@grpc/grpc-js', version: '1.14.7' },
  { lib: 'ws', version: '8.0.0' },
  { lib: 'ws', version: '8.23.0' },
  { lib: '@nestjs/core', version: '10.0.0', with: nest('10.0.0', '7.8.1') },
  { lib: '@nestjs/core', version: '10.4.22', with: nest('10.4.22', '7.8.1') },
  { lib: '@nestjs/core', version: '11.2.10', with: nest('11.2.10', '7.8.1') },
  { lib: '@nestjs/core', version: '12.5.1', with: nest('12.5.1', '7.8.1') },
  { lib: 'next', version: '15.0.0', with: ['react@19.3.1', 'react-dom@19.3.1'] },
  { lib: 'next', version: '15.5.29', with: ['react@19.3.1', 'react-dom@19.3.1'] },
  { lib: 'next', version: '16.4.6', with: ['react@19.3.1', 'react-dom@19.3.1'] },

  // Messaging and jobs
  { lib: 'amqplib', version: '0.10.0' },
  { lib: 'amqplib', version: '0.10.9' },
  { lib: 'amqplib', version: '1.2.0' },
  { lib: 'amqplib', version: '2.3.1' },
  { lib: 'bullmq', version: '5.0.0' },
  { lib: 'bullmq', version: '5.81.5' },
  { lib: 'bullmq', version: '6.7.0', with: ['ioredis@5.11.1'] },
  { lib: 'kafkajs', version: '2.0.0' },
  { lib: 'kafkajs', version: '2.2.4' },
  { lib: 'mqtt', version: '5.0.0' },
  { lib: 'mqtt', version: '5.16.0' },
  { lib: 'nats', version: '2.18.0' },
  { lib: 'nats', version: '2.29.3' },
  { lib: '@nats-io/nats-core', version: '3.0.0', with: ['@nats-io/transport-node@3.0.0', '@nats-io/jetstream@3.0.0'] },
  { lib: '@nats-io/nats-core', version: '3.4.0', with: ['@nats-io/transport-node@3.4.0', '@nats-io/jetstream@3.4.0'] },

  // Caches
  { lib: 'lru-cache', version: '7.0.0' },
  { lib: 'lru-cache', version: '7.18.3' },
  { lib: 'lru-cache', version: '8.0.5' },
  { lib: 'lru-cache', version: '9.1.2' },
  { lib: 'lru-cache', version: '10.4.3' },
  { lib: 'lru-cache', version: '11.5.3' },
  { lib: 'cache-manager', version: '5.0.0' },
  { lib: 'cache-manager', version: '5.7.6' },
  { lib: 'cache-manager', version: '6.4.3' },
  { lib: 'cache-manager', version: '7.2.9' },
  { lib: 'keyv', version: '4.0.0' },
  { lib: 'keyv', version: '4.5.4' },
  { lib: 'keyv', version: '5.0.1' },
  { lib: 'keyv', version: '5.6.0' },
  { lib: 'keyv', version: '6.1.0', node: 22 },
  { lib: 'dataloader', version: '2.0.0' },
  { lib: 'dataloader', version: '2.2.3' },
  { lib: '@modelcontextprotocol/sdk', version: '1.13.0' },
  { lib: '@modelcontextprotocol/sdk', version: '1.32.2' },
  {
    lib: '@modelcontextprotocol/client',
    version: '2.0.0',
    with: ['@modelcontextprotocol/server@2.0.0', '@modelcontextprotocol/node@2.0.0'],
  },
  {
    lib: '@modelcontextprotocol/client',
    version: '2.4.0',
    with: ['@modelcontextprotocol/server@2.4.0', '@modelcontextprotocol/node@2.1.2'],
  },

  // Pools, logs
  { lib: 'pino', version: '7.0.0' },
  { lib: 'pino', version: '7.11.0' },
  { lib: 'pino', version: '8.21.0' },
  { lib: 'pino', version: '9.14.0' },
  { lib: 'pino', version: '10.4.0' },
  { lib: 'winston', version: '3.3.0' },
  { lib: 'winston', version: '3.19.0' },
  { lib: 'generic-pool', version: '3.4.2' },
  { lib: 'generic-pool', version: '3.9.0' },
  { lib: 'piscina', version: '4.9.0' },
  { lib: 'piscina', version: '4.9.4' },
  { lib: 'piscina', version: '5.3.2' },
]

/** No libraries that are recorded: test runners, the sampler of PERF_CPU_SAMPLER=pprof, and the schema of SARIF, for the tests of `perf-agent audit`. */
export const TEST_TOOLS = [
  'mocha@11.7.5',
  'jest@30.2.0',
  '@microsoft/jest-sarif@1.0.0-beta.0',
  '@datadog/pprof@5.18.1',
  '@datadog/pprof@5.20.0',
]

/** A router that is tested with a Koa of its time. */
function koaRouter(lib, version) {
  return { lib, version, with: ['koa@2.16.4', 'koa-mount@4.2.0'] }
}

/** What an app of `@nestjs/core` needs beside it. */
function nest(version, rxjs) {
  return [`@nestjs/common@${version}`, `@nestjs/platform-express@${version}`, `rxjs@${rxjs}`, 'reflect-metadata@0.2.2']
}

const cacheFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..', '.cache', 'versions')

/**
 * Versions of `lib` that run on Node `major`, lowest first. With `PERF_TEST_VERSIONS=newest` the newest of them only, with `added` also those
 * that Node 20 cannot run.
 */
export function versionsFor(lib, major) {
  const all = MATRIX.filter((entry) => entry.lib === lib && major >= (entry.node ?? 20) && major <= (entry.until ?? 99))
  const choice = process.env.PERF_TEST_VERSIONS
  const isWanted = (entry, i) =>
    (choice !== 'newest' && choice !== 'added') || i === all.length - 1 || (choice === 'added' && (entry.node ?? 20) > 20)
  return all.filter(isWanted).map((entry) => entry.version)
}

/** Folder of `node_modules` that holds `spec` (`pg@8.0.3`); installs it when it is not there. Throws with npm's output when that fails. */
export function installedModules(spec) {
  const folder = folderOf(spec)
  const modules = path.join(folder, 'node_modules')
  const finished = path.join(folder, 'installed')
  if (existsSync(finished)) return modules
  mkdirSync(folder, { recursive: true })
  withLock(path.join(folder, 'lock'), () => {
    if (existsSync(finished)) return
    const entry = entryOf(spec)
    writeFileSync(path.join(folder, 'package.json'), '{ "private": true }\n')
    const flags = [
      '--ignore-scripts',
      '--no-audit',
      '--no-fund',
      '--no-package-lock',
      '--prefer-offline',
      '--legacy-peer-deps',
      '--loglevel=error',
    ]
    const npm = spawnSync('npm', ['install', ...flags, spec, ...(entry?.with ?? [])], {
      cwd: folder,
      encoding: 'utf8',
      shell: process.platform === 'win32',
    })
    if (npm.status !== 0) throw new Error(`npm install ${spec} failed:\n${npm.stderr ?? npm.error}`)
    if (entry?.generate) generatePrismaClient(folder, entry.version)
    if (entry?.build) buildAddon(path.join(modules, addonOf(entry)), nodeUnderTest())
    writeFileSync(finished, '')
  })
  return modules
}

/** Why `spec` cannot be installed for the Node under test: its native part has to be built. */
export function notInstallable(spec) {
  const entry = entryOf(spec)
  return entry?.build && !isInstalled(spec) ? unbuildable(addonOf(entry)) : undefined
}

/** True when nothing is left to install for `spec`. */
export function isInstalled(spec) {
  return existsSync(path.join(folderOf(spec), 'installed'))
}

function addonOf({ lib, build }) {
  return build === true ? lib : build
}

function folderOf(spec) {
  return path.join(cacheFolder, entryOf(spec)?.build ? `${spec}-node${nodeUnderTest().major}` : spec)
}

function entryOf(spec) {
  return MATRIX.find(({ lib, version }) => `${lib}@${version}` === spec)
}

function withLock(lock, run) {
  const deadline = Date.now() + 600_000
  for (;;) {
    try {
      mkdirSync(lock)
      break
    } catch (error) {
      if (error.code !== 'EEXIST') throw error
      const age = Date.now() - (statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0)
      if (age > 600_000) rmSync(lock, { recursive: true, force: true })
      if (Date.now() > deadline) throw new Error(`${lock} is held by another installation`)
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100)
    }
  }
  try {
    run()
  } finally {
    rmSync(lock, { recursive: true, force: true })
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const wanted = process.argv.slice(2)
  const { major } = nodeUnderTest()
  for (const { lib, version } of MATRIX) {
    const spec = `${lib}@${version}`
    const asked = wanted.length === 0 ? versionsFor(lib, major).includes(version) : wanted.includes(lib) || wanted.includes(spec)
    if (!asked) continue
    installedModules(spec)
    console.log(spec)
  }
  for (const spec of TEST_TOOLS.filter((tool) => wanted.length === 0 || wanted.includes(tool))) {
    installedModules(spec)
    console.log(spec)
  }
}
