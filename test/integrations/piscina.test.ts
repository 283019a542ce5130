// A pool of threads: tasks wait in a queue and are posted by whatever has just ended.
import { describe, expect, it } from 'vitest'
import { installedModules, versionsFor } from '../../scripts/install-versions.mjs'
import { nodeMajor } from '../support/node-under-test.ts'
import { record, type Format } from '../support/record.ts'
import { withVersion } from '../support/with-version.ts'

const MAIN = `import { pathToFileURL } from 'node:url'
import path from 'node:path'
import { Piscina } from 'piscina'
import { span } from '@perf/agent/api'
async function main() {
  const filename = path.join(path.dirname(process.argv[1]), 'task.js')
  const pool = new Piscina({ filename: process.env.AS_URL ? pathToFileURL(filename).href : filename, minThreads: 2, maxThreads: 2, atomics: process.env.ATOMICS })
  const call = async (i) => {
    const result = await pool.run(i)
    span('after ' + i, () => {})
    return result
  }
  console.log((await Promise.all(Array.from({ length: 100 }, (_, i) => span('request ' + i, () => call(i))))).join())
  console.log(await span('request 100', () => pool.run('fail').catch((error) => error.name + error.message)))
  await pool.destroy()
}
void main()
`
const TASK = `import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
export default function task(i) {
  return span('task ' + i, async () => {
    await sleep(i % 3 || 0)
    if (i === 'fail') throw new TypeError('it failed')
    return span('inner ' + i, () => i * 2)
  })
}
`

describe.each(versionsFor('piscina', nodeMajor()))('piscina %s', (version) => {
  it.each([
    ['esm', 'sync'],
    ['esm', 'disabled'],
    ['cjs', 'sync'],
    ['cjs', 'async'],
  ] as [Format, string][])('does each of 100 tasks below the request that asked for it (%s, atomics %s)', async (format, atomics) => {
    const options = {
      app: MAIN,
      files: {
        'task.js':
          format === 'cjs'
            ? TASK.replace('export default function task', 'module.exports = function task')
                .replace(/^import (\{.*?\}) from (.*)$/gm, 'const $1 = require($2)')
                .replaceAll(' as ', ': ')
            : TASK,
      },
      format,
      packages: [`piscina@${version}`],
      env: { ATOMICS: atomics, ...(format === 'esm' ? { AS_URL: '1' } : {}) },
    }
    const bare = await record({ ...options, agent: 'none' })
    const recorded = await record(options)
    expect([recorded.stdout, recorded.stderr, recorded.status]).toEqual([bare.stdout, bare.stderr, 0])
    const { spans } = recorded
    const parentOf = (name: string) => {
      const span = spans.find((one) => one.name === name)
      expect(span, name).toBeDefined()
      return spans.find((one) => one.spanId === span?.parentId && one.traceId === span?.traceId)?.name
    }
    for (let i = 0; i < 100; i++) {
      expect([parentOf(`task ${i}`), parentOf(`inner ${i}`), parentOf(`after ${i}`)]).toEqual([`request ${i}`, `task ${i}`, `request ${i}`])
    }
    expect(parentOf('task fail')).toBe('request 100')
    expect(recorded.counters['faults'] ?? 0).toBe(0)
  })
})

it('leaves an unsupported version alone and reports it', async () => {
  const modules = withVersion(installedModules(`piscina@${versionsFor('piscina', nodeMajor()).at(-1)}`), ['piscina'], '0.0.1')
  const options = { app: MAIN, files: { 'task.js': TASK }, packages: [modules], env: { AS_URL: '1', ATOMICS: 'sync' } }
  const bare = await record({ ...options, agent: 'none' })
  const recorded = await record(options)
  expect([recorded.stdout, recorded.stderr, recorded.status]).toEqual([bare.stdout, bare.stderr, 0])
  const [report] = recorded.packages.filter((entry) => entry['name'] === 'piscina')
  expect(report).toMatchObject({ version: '0.0.1', status: 'unsupported', reason: expect.stringMatching(/version/) as string })
})
