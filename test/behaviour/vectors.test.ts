// Vectors are never kept, neither of searches nor of what is written, even where everything else is.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { versionsFor } from '../../scripts/install-versions.mjs'
import { startChromaServer } from '../servers/chroma.ts'
import { startQdrantServer } from '../servers/qdrant.ts'
import { runCli } from '../support/cli.ts'
import { nodeMajor, repositoryRoot } from '../support/node-under-test.ts'
import { record } from '../support/record.ts'

const chroma = await startChromaServer()
const qdrant = await startQdrantServer()
afterAll(() => Promise.all([chroma.close(), qdrant.close()]))

/** A number of every vector in the scenarios. */
const NUMBER = '0.125'

describe.each([
  { library: '@qdrant/js-client-rest', scenario: 'qdrant', operation: 'upsert docs', asked: 'must' },
  { library: 'chromadb', scenario: 'chromadb', operation: 'query docs', asked: 'other' },
  { library: '@lancedb/lancedb', scenario: 'lancedb', operation: 'search docs', asked: 'id > 1' },
])('$scenario', ({ library, scenario, operation, asked }) => {
  it('keeps no vector with PERF_CAPTURE=full', async () => {
    const version = versionsFor(library, nodeMajor()).at(-1) ?? ''
    const source = (file: string) => readFileSync(path.join(repositoryRoot, 'test', file), 'utf8')
    const run = await record({
      packages: [`${library}@${version}`],
      app: `import { drive } from './driver.js'\nimport * as scenario from './scenario.js'\nvoid drive(scenario, {})\n`,
      files: { 'driver.js': source('support/scenario-driver.mjs'), 'scenario.js': source(`scenarios/${scenario}.mjs`) },
      env: { PERF_CAPTURE: 'full', PERF_INTEGRATIONS: scenario, CANARY: 'text', CHROMA_URL: chroma.url, QDRANT_URL: qdrant.url },
    })
    expect(run.spans.map((span) => span.name)).toContain(operation)
    const kept = await runCli(['sql', 'SELECT * FROM payloads', '--json', '--dir', run.perfDir])
    expect(kept.stdout).toContain(asked)
    expect(kept.stdout).not.toContain(NUMBER)
  })
})
