// Scorers of the user's own: whatever they do is counted, and the next call is judged.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { ModuleScorerProcess } from '../../src/analysis/scoring/module-scorers.ts'
import type { ScoreCase } from '../../src/analysis/scoring/scorer.ts'

const CALL = { kind: 'ai', answer: 'yes', name: 'chat' } as ScoreCase

/** On a busy machine a process may take long to start and to answer: only what never answers is to run into a limit. */
const LONG_MS = 50_000

interface Options {
  file?: string
  names?: string[]
  answerMs?: number
  losses?: Map<string, number>
}

function scorersOf(source: string, options: Options = {}): ModuleScorerProcess {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-scorers-'))
  const file = path.join(folder, options.file ?? 'mine.mjs')
  writeFileSync(file, source)
  const spec = { file, names: options.names ?? [], weight: 1, losses: options.losses ?? new Map<string, number>() }
  const scorers = new ModuleScorerProcess(spec, { loadMs: LONG_MS, answerMs: options.answerMs ?? LONG_MS })
  onTestFinished(() => {
    scorers.stop()
    rmSync(folder, { recursive: true, force: true })
  })
  return scorers
}

describe('scorers of a module', () => {
  it('give numbers, booleans, objects, nothing, errors and nonsense', async () => {
    const scorers = scorersOf(`
      export const number = ({ answer }) => answer.length / 10
      export const yes = () => true
      export const withReason = async () => ({ score: 0.25, reason: 'so so' })
      export const none = () => null
      export const throws = () => { throw new TypeError('broken') }
      export const rejects = () => Promise.reject('late')
      export const large = () => 12
      export const text = () => 'good'
      export const constant = 7
      export default () => 1`)
    await scorers.start()
    const found: Record<string, unknown> = {}
    for (const name of scorers.names) {
      const { score, outcome, reason } = await scorers.judge(name, CALL)
      found[name] = [outcome, score, reason]
    }
    expect(found).toEqual({
      number: ['scored', 0.3, null], yes: ['scored', 1, null], withReason: ['scored', 0.25, 'so so'], none: ['skipped', null, 'the scorer gave nothing'],
      throws: ['threw', null, 'TypeError: broken'], rejects: ['threw', null, 'late'], large: ['invalid', null, '12 is not a number from 0 to 1'],
      text: ['invalid', null, 'good is not a number from 0 to 1'], mine: ['scored', 1, null],
    }) // prettier-ignore
  })

  it('may hang or end their process: that is counted, three times, and the others go on', async () => {
    const source = `export const hangs = () => { for (;;); }
       export const waits = () => new Promise(() => {})
       export const exits = () => process.exit(3)
       export const fine = () => 1`
    const losses = new Map<string, number>()
    const impatient = scorersOf(source, { losses, answerMs: 500 })
    expect(await impatient.judge('hangs', CALL)).toMatchObject({ outcome: 'timeout', reason: 'no answer within 0.5 s' })
    expect(await impatient.judge('waits', CALL)).toMatchObject({ outcome: 'timeout' })
    const scorers = scorersOf(source, { losses })
    for (let i = 0; i < 3; i++) expect(await scorers.judge('exits', CALL)).toMatchObject({ outcome: 'threw', reason: 'its process ended' })
    expect(await scorers.judge('exits', CALL)).toMatchObject({ outcome: 'skipped' })
    expect(await scorers.judge('fine', CALL)).toMatchObject({ outcome: 'scored', score: 1 })
    expect([...losses]).toEqual([['hangs', 1], ['waits', 1], ['exits', 3]]) // prettier-ignore
  }, 240_000)

  it('can be CommonJS, and some of several', async () => {
    const scorers = scorersOf(`exports.one = () => 1; exports.two = () => 0`, { file: 'mine.cjs', names: ['two'] })
    await scorers.start()
    expect(scorers.names).toEqual(['two'])
  })

  it.each([
    ['export const a = 1', [], 'it exports no function'],
    ['export const a = () => 1', ['b'], "it exports no function 'b'"],
    ['throw new Error("at once")', [], 'Error: at once'],
    ['process.exit(1)', [], 'its process ended'],
  ])('%s with %o cannot be used: %s', async (source, names, why) => {
    await expect(scorersOf(source, { names }).start()).rejects.toThrow(why)
  })
})
