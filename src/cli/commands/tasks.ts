import type { TaskReport, TaskRow } from '../../analysis/task-report.ts'
import { taskReport } from '../../analysis/task-report.ts'
import { PerfError } from '../../errors.ts'
import { readStack } from '../../store/codec/stack-text.ts'
import { SourceStacks } from '../../store/profiles/source-stacks.ts'
import { kindOfTask } from '../../store/codec/task-kind.ts'
import { askProcess, findProcess, type LiveOptions } from '../live-process.ts'
import { openNamedSession } from '../open.ts'
import { renderTasks } from '../render/tasks.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

/** `perf-agent tasks`: what a running process waits for, or what one had not finished at its end. */
export async function tasks(_: undefined, options: LiveOptions & { limit?: string }): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '30')
  const live = await findProcess(options).catch((error: unknown) => {
    // Several processes, or a pid that is not there: that is to be said. None at all: the session tells.
    if (error instanceof PerfError && error.code === 'NOT_RUNNING' && options.pid === undefined) return undefined
    throw error
  })
  const report = live === undefined ? await fromSession(options, limit) : await fromProcess(options, limit)
  process.stdout.write(
    options.json === true ? `${JSON.stringify(report, null, process.stdout.isTTY ? 2 : undefined)}\n` : renderTasks(terminalOf(), report),
  )
}

async function fromSession(options: LiveOptions, limit: number): Promise<TaskReport> {
  const reader = await openNamedSession(options)
  try {
    return (await taskReport(reader, limit)) ?? { tasks: [], pending: 0, never_settled: 0, orphans: 0 }
  } finally {
    reader.close()
  }
}

/** A group as the process itself gives it. */
interface LiveGroup {
  state: string
  type: string
  count: number
  ageMs: number
  stack: string
  span: string
  spanName: string
  spanEnded: boolean
}

async function fromProcess(options: LiveOptions, limit: number): Promise<TaskReport> {
  const { result } = await askProcess(options, { command: 'tasks' })
  const { groups, pending, neverSettled, orphans } = result as {
    groups: LiveGroup[]
    pending: number
    neverSettled: number
    orphans: number
  }
  const stacks = new SourceStacks()
  const order = (group: LiveGroup): number => (group.state === 'pending' ? 0 : 1)
  const sorted = [...groups].sort((a, b) => order(a) - order(b) || b.ageMs - a.ageMs)
  return { tasks: sorted.slice(0, limit).map((group) => toRow(group, stacks)), pending, never_settled: neverSettled, orphans }
}

function toRow({ state, type, count, ageMs, stack, span, spanName, spanEnded }: LiveGroup, stacks: SourceStacks): TaskRow {
  const { code } = readStack(stacks.mapped(stack, Date.now()))
  return {
    state,
    kind: kindOfTask(type),
    type,
    count,
    age_ms: ageMs,
    function: code?.function ?? null,
    file: code?.file ?? null,
    line: code?.line ?? null,
    span_name: spanName === '' ? null : spanName,
    span_id: span === '' ? null : span,
    span_ended: spanEnded,
  }
}
