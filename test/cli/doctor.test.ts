// Why a package the app loaded is not recorded: every reason doctor knows, shown by a program for which it holds.
import { mkdirSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import path from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { installedModules, versionsFor } from '../../scripts/install-versions.mjs'
import type { Integration } from '../../src/core/integration.ts'
import betterSqlite3 from '../../src/integrations/better-sqlite3.ts'
import mariadb from '../../src/integrations/mariadb.ts'
import mysql2 from '../../src/integrations/mysql2.ts'
import postgres from '../../src/integrations/postgres.ts'
import ai from '../../src/integrations/ai.ts'
import prisma from '../../src/integrations/prisma.ts'
import qdrant from '../../src/integrations/qdrant.ts'
import redis from '../../src/integrations/redis.ts'
import amqplib from '../../src/integrations/amqplib.ts'
import anthropic from '../../src/integrations/anthropic.ts'
import bedrock from '../../src/integrations/bedrock.ts'
import bullmq from '../../src/integrations/bullmq.ts'
import chromadb from '../../src/integrations/chromadb.ts'
import cohere from '../../src/integrations/cohere.ts'
import express from '../../src/integrations/express.ts'
import fastify from '../../src/integrations/fastify.ts'
import googleGenai from '../../src/integrations/google-genai.ts'
import groq from '../../src/integrations/groq.ts'
import ioredis from '../../src/integrations/ioredis.ts'
import kafkajs from '../../src/integrations/kafkajs.ts'
import langgraph from '../../src/integrations/langgraph.ts'
import mistral from '../../src/integrations/mistral.ts'
import mongodb from '../../src/integrations/mongodb.ts'
import mongoose from '../../src/integrations/mongoose.ts'
import mqtt from '../../src/integrations/mqtt.ts'
import nats from '../../src/integrations/nats.ts'
import ollama from '../../src/integrations/ollama.ts'
import openai from '../../src/integrations/openai.ts'
import openaiAgents from '../../src/integrations/openai-agents.ts'
import pg from '../../src/integrations/pg.ts'
import pino from '../../src/integrations/pino.ts'
import winston from '../../src/integrations/winston.ts'
import { packagesInside } from '../../src/store/analytics/bundled.ts'
import { runCli } from '../support/cli.ts'
import { nodeMajor } from '../support/node-under-test.ts'
import { agentRoot, record, type Format, type Recorded } from '../support/record.ts'

const PG = 'pg@8.23.1'
const FORMATS: Format[] = ['esm', 'cjs']

interface Row {
  name: string
  version: string | null
  status: string
  reason: string | null
}

/** What doctor says of the packages of a recorded program, and how it ends. */
async function doctorOf(run: Recorded): Promise<{ rows: string[]; code: number | null; reasons: string[] }> {
  expect([run.status, run.stderr]).toEqual([0, ''])
  const { stdout, code } = await runCli(['doctor', '--json', '--dir', run.perfDir])
  const packages = (JSON.parse(stdout) as { packages: Row[] }).packages.filter(({ name }) => !isBuiltin(name))
  return {
    rows: packages.map(({ name, version, status }) => `${name} ${version ?? '-'} ${status}`),
    reasons: packages.map(({ reason }) => reason ?? ''),
    code,
  }
}

/** One call that is recorded whatever happens to `pg`, and a query that fails since nothing listens there. */
const APP = `
import pg from 'pg'
import { span } from '@perf/agent/api'
const client = new pg.Client({ host: '127.0.0.1', port: 1 })
span('work', () => client.connect()).catch((error) => console.log(error.code))
`

describe.each(FORMATS)('doctor (%s)', (format) => {
  it('says that a package was wrapped', async () => {
    const { rows, code } = await doctorOf(await record({ app: APP, format, packages: [PG] }))
    expect(rows).toEqual(expect.arrayContaining(['pg 8.23.1 wrapped']))
    expect(code).toBe(0)
  })

  it('says that a version is not supported, also where nothing else was recorded', async () => {
    const fake = (folder: string): void => {
      const inside = path.join(folder, 'node_modules', 'ioredis')
      mkdirSync(inside, { recursive: true })
      writeFileSync(path.join(inside, 'package.json'), '{ "name": "ioredis", "version": "3.2.2", "main": "index.js" }')
      writeFileSync(path.join(inside, 'index.js'), 'module.exports = class Redis {}')
    }
    const run = await record({ app: `import Redis from 'ioredis'\nconsole.log(typeof Redis)\n`, format, prepare: fake })
    const { rows, reasons, code } = await doctorOf(run)
    expect(rows).toEqual(['ioredis 3.2.2 unsupported'])
    expect(reasons[0]).toMatch(/^version 3\.2\.2 is outside the supported range >=5/)
    expect(code).toBe(1)
  })

  it('says that a package was loaded before the agent, and records what can be', async () => {
    const dist = path.join(agentRoot(), 'dist')
    const early = { 'early.mjs': `import 'pg'\n`, 'early.cjs': `require('pg')\n` }
    const [flag, first, agent] =
      format === 'esm'
        ? ['--import', './early.mjs', pathToFileURL(path.join(dist, 'register.js')).href]
        : ['--require', './early.cjs', path.join(dist, 'register.cjs')]
    const run = await record({
      app: APP, format, packages: [PG], files: early, agent: 'none', nodeArgs: [flag, first, flag, agent],
    }) // prettier-ignore
    const { rows, reasons, code } = await doctorOf(run)
    expect(rows).toContain('pg 8.23.1 loaded-before')
    // An import gets a namespace of its own, which is wrapped whole.
    if (format === 'cjs') expect(rows).not.toContain('pg 8.23.1 wrapped')
    expect(reasons[rows.indexOf('pg 8.23.1 loaded-before')]).toMatch(/^loaded before the agent/)
    expect(code).toBe(1)
    expect(run.spans.map(({ name }) => name)).toContain('connect')
  })

  it('says that a package is inside the bundle of the app, minified or not', async () => {
    for (const minify of [false, true]) {
      const { rows, reasons, code } = await doctorOf(await record({ app: await bundleOf(APP, format, minify), format }))
      expect(rows).toEqual(['pg - bundled'])
      expect(reasons[0]).toMatch(/^inside the bundle/)
      expect(code).toBe(1)
    }
  })
})

it('tells a person in 80 columns, and the report names what was missed', async () => {
  const run = await record({ app: await bundleOf(APP, 'cjs', true), format: 'cjs' })
  const { stdout } = await runCli(['doctor', '--dir', run.perfDir])
  expect(stdout.split('\n').filter((line) => line.length > 80 && !line.includes(run.perfDir))).toEqual([])
  expect(stdout.replace(/\s+/g, ' ')).toContain('keep it external in the bundler')
  expect((await runCli(['report', '--dir', run.perfDir])).stdout).toMatch(/Not in this recording\n- pg bundled: inside the bundle/)
})

const definitions: Integration[] = [
  ai,
  amqplib,
  anthropic,
  bedrock,
  betterSqlite3,
  bullmq,
  chromadb,
  cohere,
  express,
  fastify,
  googleGenai,
  groq,
  ioredis,
  kafkajs,
  mariadb,
  langgraph,
  mistral,
  mongodb,
  mongoose,
  mqtt,
  mysql2,
  nats,
  ollama,
  openai,
  openaiAgents,
  pg,
  pino,
  postgres,
  prisma,
  qdrant,
  redis,
  winston,
]
/** What a package brings along itself. */
const ALONG: Record<string, readonly string[]> = {
  bullmq: ['ioredis'],
  fastify: ['pino'],
  'google-genai': ['ws'],
  langgraph: ['langchain'],
  mqtt: ['ws'],
  'openai-agents': ['openai', 'ws'],
  mongoose: ['mongodb'],
  chromadb: ['openai'],
  redis: ['generic-pool'],
}
const versions = definitions.flatMap((definition) =>
  versionsFor(String([definition.module].flat()[0]), nodeMajor()).map((version) => [definition, version] as const),
)

it.each(versions.map(([definition, version]) => [`${String([definition.module].flat()[0])}@${version}`, definition] as const))(
  'recognises %s in a minified bundle, and nothing else',
  async (spec, definition) => {
    const library = spec.slice(0, spec.lastIndexOf('@'))
    const text = await bundle({
      contents: `import * as all from '${library}'\nconsole.log(all)`,
      modules: installedModules(spec),
      minify: true,
    })
    const inside = packagesInside(text).map(({ integration }) => integration)
    expect(inside.filter((name) => !ALONG[definition.name]?.includes(name))).toEqual([definition.name])
  },
)

/** What drivers look for and do without. */
const OPTIONAL = [
  'kerberos',
  'snappy',
  'snappy/package.json',
  'aws4',
  'mongodb-client-encryption',
  'socks',
  '@mongodb-js/zstd',
  'bson-ext',
  'gcp-metadata',
  '@aws-sdk/credential-providers',
  'chromadb-default-embed',
  '@chroma-core/default-embed',
  'cohere-ai',
  'ollama',
]

function bundleOf(app: string, format: Format, minify: boolean): Promise<string> {
  return bundle({ contents: app, modules: installedModules(PG), format, minify })
}

async function bundle(options: { contents: string; modules: string; format?: Format; minify: boolean }): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: options.contents, resolveDir: path.dirname(options.modules) },
    nodePaths: [options.modules],
    bundle: true,
    write: false,
    minify: options.minify,
    platform: 'node',
    format: options.format ?? 'cjs',
    external: ['pg-native', '@perf/agent/api', ...OPTIONAL.filter((name) => !options.contents.includes(`'${name}'`))],
    logLevel: 'error',
    ...(options.format === 'esm' && {
      banner: { js: `import { createRequire as perfTestRequire } from 'node:module'\nconst require = perfTestRequire(import.meta.url)` },
    }),
  })
  return outputFiles[0]?.text ?? ''
}
