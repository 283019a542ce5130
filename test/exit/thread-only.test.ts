// A process in which only a worker thread records something, and ends at once.
import { rmSync } from 'node:fs'
import { expect, it } from 'vitest'
import { readSession } from '../support/read-session.ts'
import { runNode, sessionsIn, writeProject } from '../support/run-node.ts'

const FILES = {
  'main.mjs': `import { Worker } from 'node:worker_threads'
new Worker(new URL('./worker.mjs', import.meta.url))
`,
  'worker.mjs': `import { span } from '@perf/agent/api'
span('in the thread', () => {})
process.exit(4)
`,
}

it('is not taken for crashed, whoever stored what the thread recorded', async () => {
  for (let round = 0; round < 8; round++) {
    const cwd = writeProject(FILES)
    expect(await runNode(['--import', '@perf/agent', 'main.mjs'], { cwd })).toMatchObject({ status: 0, stderr: '' })
    const { spans, processes } = readSession(sessionsIn(cwd)[0])
    expect([spans.map(({ name }) => name), processes.map(({ end }) => [end?.code, end?.reason])]).toEqual([
      ['in the thread'],
      [[0, 'exit']],
    ])
    rmSync(cwd, { recursive: true })
  }
})
