// A package that one part of an app imports and another requires: every call is one span, whichever came first.
// (openai and @anthropic-ai/sdk, which ship two copies of themselves: test/integrations/ai-copies.test.ts)
import { describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { nodeMajor } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'
import { describeWithService, postgres, redis, type Service } from '../support/services.ts'

interface Subject {
  lib: string
  service: Service
  /** Uses one copy: `use(copy, i)`. */
  use: string
  spans: (i: number) => string
}

const SUBJECTS: Subject[] = [
  {
    lib: 'pg',
    service: postgres,
    use: `async (copy, i) => {
      const client = new (copy.default ?? copy).Client()
      await client.connect()
      await client.query('SELECT ' + i + ' AS n' + i)
      await client.end()
    }`,
    spans: () => 'SELECT',
  },
  {
    lib: 'ioredis',
    service: redis,
    use: `async (copy, i) => {
      const client = new (copy.default ?? copy)({ port: Number(process.env.REDIS_PORT), lazyConnect: true, enableReadyCheck: false })
      await client.connect()
      await client.call(i === 0 ? 'exists' : 'strlen', 'perf-test-nothing')
      client.disconnect()
    }`,
    spans: (i) => (i === 0 ? 'EXISTS' : 'STRLEN'),
  },
]

const ORDERS = {
  'import first': [`const imported = await import(lib)`, `const required = createRequire(import.meta.url)(lib)`],
  'require first': [`const required = createRequire(import.meta.url)(lib)`, `const imported = await import(lib)`],
}

for (const { lib, service, use, spans } of SUBJECTS) {
  await describeWithService(service, lib, () => {
    describe.each(versionsFor(lib, nodeMajor()))(`${lib} %s`, (version) => {
      it.each(Object.entries(ORDERS))('%s', async (_order, load) => {
        const app = `
          import { createRequire } from 'node:module'
          import { span } from '@perf/agent/api'
          const lib = '${lib}'
          ${load.join('\n')}
          const use = ${use}
          await span('imported', () => use(imported, 0))
          await span('required', () => use(required, 1))
          console.log(imported.default === required)
        `
        const options = { app, packages: [`${lib}@${version}`], env: service.env }
        const bare = await record({ ...options, agent: 'none' })
        const run = await record(options)
        expect([run.status, run.stdout, run.stderr.replaceAll(run.folder, '')]).toEqual([
          0,
          bare.stdout,
          bare.stderr.replaceAll(bare.folder, ''),
        ])
        const below = (name: string) => {
          const parent = run.spans.find((span) => span.name === name)
          return run.spans
            .filter((span) => span.layer === 'db' && span.parentId === parent?.spanId && !/^connect/i.test(span.name))
            .map((span) => span.name.split(' ')[0])
        }
        expect([below('imported'), below('required')]).toEqual([[spans(0)], [spans(1)]])
      })
    })
  })
}
