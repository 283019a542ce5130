import path from 'node:path'
import { buildSync } from 'esbuild'
import { describe, expect, it } from 'vitest'
import { installedModules } from '../../scripts/install-versions.mjs'
import prisma from '../../src/integrations/prisma.ts'
import { testIntegration } from '../support/conformance.ts'
import { childrenOf, type ExpectedSpan, type ExpectedValue } from '../support/expect-spans.ts'
import { record } from '../support/record.ts'
import { describeWithService, postgres } from '../support/services.ts'

const system = { 'db.system.name': 'postgresql' }

function call(model: string, method: string, more: Record<string, ExpectedValue> = {}, rest: Partial<ExpectedSpan> = {}): ExpectedSpan {
  const named = { 'db.collection.name': `${model.toLowerCase()}s`, 'perf.orm.model': model, 'perf.orm.method': method }
  return { name: `${model}.${method}`, kind: 'internal', attributes: { ...system, ...named, ...more }, ...rest }
}

function plain(method: string, more: Record<string, ExpectedValue> = {}, children: ExpectedSpan[] = []): ExpectedSpan {
  return { name: method, kind: 'internal', attributes: { ...system, 'perf.orm.method': method, ...more }, children }
}

const rows = (n: number) => ({ 'db.response.returned_rows': n })
const failed = (code: string) => ({ 'db.response.status_code': code, 'error.type': code })
const error = { status: 'error' } as const

await testIntegration(prisma, {
  scenario: 'prisma',
  library: '@prisma/client',
  unsupported: ['@prisma/client', '.prisma/client'],
  service: postgres,
  operation: (i) => [i % 2 === 0 ? call('User', 'findMany', rows(0)) : call('User', 'count')],
  expect: {
    read: [call('User', 'findMany', rows(2)), call('User', 'findFirst')],
    write: [call('User', 'create'), call('User', 'update'), call('Post', 'deleteMany'), call('User', 'delete')],
    lazy: [call('User', 'count')],
    batched: [call('User', 'findUnique'), call('User', 'findUnique')],
    transaction: [plain('$transaction', rows(2), [call('User', 'count'), call('User', 'findFirst')])],
    interactiveTransaction: [plain('$transaction', {}, [call('User', 'updateMany'), call('User', 'count')])],
    raw: [plain('$queryRaw', rows(1))],
    extended: [call('User', 'findFirst')],
    duplicate: [call('User', 'create', failed('P2002'), error)],
    notFound: [call('User', 'findUniqueOrThrow', failed('P2025'), error)],
    invalid: [call('User', 'create', { 'error.type': 'PrismaClientValidationError' }, error)],
  },
})

await describeWithService(postgres, 'prisma', () => {
  it.each(['esm', 'cjs'] as const)('has the spans of the driver below its own (%s)', async (format) => {
    const run = await record({
      format,
      packages: ['@prisma/client@7.10.0'],
      env: { ...postgres.env, PERF_INTEGRATIONS: 'prisma,pg' },
      app: `
        import { PrismaPg } from '@prisma/adapter-pg'
        import { PrismaClient } from '@prisma/client'
        import { span } from '@perf/agent/api'
        const { PGHOST: host, PGPORT: port, PGDATABASE: database, PGUSER: user } = process.env
        const prisma = new PrismaClient({ adapter: new PrismaPg({ host, port: Number(port), database, user, max: 1 }) })
        void (async () => {
          await prisma.$queryRaw\`select 1\`
          await span('app', async () => await prisma.$queryRaw\`select 2\`)
          await prisma.$disconnect()
        })()`,
    })
    expect(run.stderr).toBe('')
    const [call] = childrenOf(
      run.spans,
      run.spans.find((span) => span.name === 'app'),
    )
    expect([call?.integration, call?.name]).toEqual(['prisma', '$queryRaw'])
    expect(childrenOf(run.spans, call).map((span) => [span.integration, span.name])).toEqual([['pg', 'select']])
  })
})

await describeWithService(postgres, 'the ES module that Prisma 7 generates', () => {
  it('is recorded', async () => {
    const generated = path.join(installedModules('@prisma/client@7.10.0'), '..', 'generated', 'client.ts')
    const { outputFiles } = buildSync({
      entryPoints: [generated],
      bundle: true,
      packages: 'external',
      format: 'esm',
      platform: 'node',
      write: false,
    })
    const run = await record({
      packages: ['@prisma/client@7.10.0'],
      env: { ...postgres.env, PERF_INTEGRATIONS: 'prisma' },
      files: { 'generated.js': outputFiles[0]?.text ?? '' },
      app: `
        import { PrismaPg } from '@prisma/adapter-pg'
        import { PrismaClient } from './generated.js'
        const { PGHOST: host, PGPORT: port, PGDATABASE: database, PGUSER: user } = process.env
        const prisma = new PrismaClient({ adapter: new PrismaPg({ host, port: Number(port), database, user, max: 1 }) })
        console.log(await prisma.$queryRaw\`select 1 as one\`)
        await prisma.$disconnect()`,
    })
    expect([run.stdout, run.stderr]).toEqual(['[ { one: 1 } ]\n', ''])
    expect(run.spans.map((span) => span.name)).toEqual(['$queryRaw'])
  })
})

describe('prisma 5', () => {
  it.each(['esm', 'cjs'] as const)('is recorded up to the engine, which is not there (%s)', async (format) => {
    const run = await record({
      format,
      packages: ['prisma@5.22.0'],
      env: { PERF_INTEGRATIONS: 'prisma' },
      app: `
        import { PrismaClient } from '@prisma/client'
        const prisma = new PrismaClient()
        void prisma.user.findMany().catch((error) => console.log(error.name))`,
    })
    expect(run.stdout).toBe('PrismaClientInitializationError\n')
    expect(run.spans.map((span) => [span.name, span.status, span.attributes['error.type']])).toEqual([
      ['User.findMany', 'error', 'PrismaClientInitializationError'],
    ])
  })
})
