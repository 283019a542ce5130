import { UsageError } from '../../errors.ts'
import { diffStates, stateSnapshot, stateSnapshots } from '../../analysis/state-diff.ts'
import type { SessionReader } from '../../store/query.ts'
import type { CommonOptions } from '../command.ts'
import { commandProcess } from '../live-process.ts'
import { openNamedSession } from '../open.ts'
import { renderStateDiff, renderStates } from '../render/states.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

type SnapshotOptions = CommonOptions & { limit?: string; pid?: string; thread?: string }

/** `perf-agent snapshot`: a heap snapshot of a running process; `snapshot state | list | show | diff`: of the app's own state. */
export async function snapshot(words: string[], options: SnapshotOptions): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '40')
  const [verb, ...rest] = words
  if (verb === undefined) {
    const thread = options.thread === undefined ? {} : { thread: positiveInteger('--thread', options.thread) }
    await commandProcess(options, { command: 'snapshot', ...thread })
    return
  }
  if (verb === 'state' && rest.length === 0) {
    await commandProcess(options, { command: 'state' })
    return
  }
  const reader = await openNamedSession(options)
  try {
    process.stdout.write(await answer(reader, verb, rest, options.json === true, limit))
  } finally {
    reader.close()
  }
}

async function answer(reader: SessionReader, verb: string, words: string[], json: boolean, limit: number): Promise<string> {
  if (verb === 'list' && words.length === 0) {
    const states = await stateSnapshots(reader)
    return json ? asJson(states) : renderStates(terminalOf(), reader.session.name, states, limit)
  }
  if (verb === 'show' && words.length === 1) {
    const state = await stateSnapshot(reader, positiveInteger('snapshot show', words[0] ?? ''))
    return json ? asJson(state) : `${JSON.stringify(state.value, null, 2)}\n`
  }
  if (verb === 'diff') {
    const [first, second] = await chosen(reader, words)
    const diff = await diffStates(reader, first, second)
    return json ? asJson(diff) : renderStateDiff(terminalOf(), diff, limit)
  }
  throw new UsageError('Use it as: perf-agent snapshot list, snapshot show 2, or snapshot diff 1 2.')
}

/** Two numbers, or the first and the last of one name (or of the only one there is). */
async function chosen(reader: SessionReader, words: string[]): Promise<[number, number]> {
  if (words.length === 2) return [positiveInteger('snapshot diff', words[0] ?? ''), positiveInteger('snapshot diff', words[1] ?? '')]
  const states = await stateSnapshots(reader)
  const name = words[0] ?? states[0]?.name
  const named = states.filter((state) => state.name === name)
  const [first, last] = [named[0], named.at(-1)]
  if (words.length <= 1 && first !== undefined && last !== undefined && first !== last) return [first.snapshot, last.snapshot]
  throw new UsageError(
    named.length === 0
      ? `There is no state ${name === undefined ? 'snapshot' : `named '${name}'`} in session ${reader.session.name}.`
      : 'Give two numbers to compare: perf-agent snapshot diff 1 2.',
  )
}

function asJson(value: unknown): string {
  return `${JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)}\n`
}
