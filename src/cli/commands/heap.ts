import { existsSync } from 'node:fs'
import { UsageError } from '../../errors.ts'
import { diffHeaps } from '../../analysis/heap-diff.ts'
import { allocations } from '../../analysis/heap-report.ts'
import { readClassTable } from '../../store/heap/class-table.ts'
import { heapProfileFiles } from '../../store/heap/heap-profile-file.ts'
import { writeDecompressed } from '../../store/heap/snapshot-file.ts'
import type { Session } from '../../store/session.ts'
import { findSnapshot, sessionSnapshots } from '../../store/heap/session-snapshots.ts'
import type { CommonOptions } from '../command.ts'
import { findSession, openNamedSession } from '../open.ts'
import { allocationTables } from '../render/heap-report.ts'
import { renderClasses, renderHeapDiff, renderSnapshots } from '../render/heap.ts'
import { showProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'
import { positiveInteger } from './report.ts'

type HeapOptions = CommonOptions & { limit?: string }

/** `perf-agent heap`: lists a session's snapshots; one by class; two compared; where was allocated. */
export async function heap(words: string[], options: HeapOptions): Promise<void> {
  const limit = positiveInteger('--limit', options.limit ?? '20')
  const [first, ...rest] = words
  if (first === undefined) list(options)
  else if (first === 'diff') await diff(rest, options, limit)
  else if (first === 'top' && rest.length === 0) await top(options, limit)
  else if (first === 'export') await exportFile(rest, options)
  else if (rest.length > 0) throw new UsageError(`One snapshot, or two to compare: perf-agent heap diff ${first} ${rest[0]}.`)
  else await show(first, options, limit)
}

function list(options: HeapOptions): void {
  const session = findSession(options)
  const snapshots = sessionSnapshots(session)
  if (options.json === true)
    printJson(snapshots.map(({ facts, takenMs, ...rest }) => ({ ...rest, taken_at: new Date(takenMs).toISOString(), ...facts })))
  else process.stdout.write(renderSnapshots(terminalOf(), session.name, snapshots))
}

async function show(which: string, options: HeapOptions, limit: number): Promise<void> {
  const file = fileOf(which, options)
  const table = await withProgress(() => readClassTable(file))
  if (options.json === true) printJson(table)
  else process.stdout.write(renderClasses(terminalOf(), file, table, limit))
}

/** Where the session allocated. */
async function top(options: HeapOptions, limit: number): Promise<void> {
  const reader = await openNamedSession(options)
  try {
    const data = await allocations(reader, limit)
    const text = allocationTables(terminalOf(), data)
    if (options.json === true) printJson(data)
    else process.stdout.write(text === '' ? `${reader.session.name} ${nothingAllocated(reader.session)}\n` : `${text}\n`)
  } finally {
    reader.close()
  }
}

function nothingAllocated(session: Session): string {
  return heapProfileFiles(session).length > 0
    ? 'has a heap profile without a sample: hardly anything was allocated meanwhile.'
    : 'has no heap profile: PERF_HEAP=sampling records one, perf-agent profile --heap one of a running process.'
}

/** A snapshot, or with `profile` the heap profile of the main thread (of several windows the last), as Chrome's developer tools load it. */
async function exportFile(words: string[], options: HeapOptions): Promise<void> {
  const [which, target, ...more] = words
  if (which === undefined || target === undefined || more.length > 0)
    throw new UsageError('Give a snapshot or `profile`, and the file to write: perf-agent heap export last heap.heapsnapshot.')
  if (existsSync(target)) throw new UsageError(`${target} is there already; give another name.`)
  const profiles = which === 'profile' ? heapProfileFiles(findSession(options)).filter(({ thread }) => thread === 0) : []
  const profile = profiles.find(({ isPart }) => !isPart) ?? profiles.at(-1)
  if (which === 'profile' && profile === undefined) throw new UsageError('The session has no heap profile: PERF_HEAP=sampling records one.')
  await writeDecompressed(profile?.path ?? fileOf(which, options), target)
  process.stdout.write(
    options.json === true ? `${JSON.stringify({ file: target })}\n` : `${target}: load it in Chrome's developer tools, Memory.\n`,
  )
}

async function diff(words: string[], options: HeapOptions, limit: number): Promise<void> {
  const [before, after, ...more] = words
  if (before === undefined || after === undefined || more.length > 0)
    throw new UsageError('Give the two snapshots to compare, the earlier first: perf-agent heap diff 1 2.')
  const files = [fileOf(before, options), fileOf(after, options)] as const
  const result = await withProgress(() => diffHeaps(...files))
  if (options.json === true) printJson(result)
  else process.stdout.write(renderHeapDiff(terminalOf(), files, result, limit))
}

/** A path when there is such a file, else a snapshot of the session. */
function fileOf(which: string, options: HeapOptions): string {
  return /[\\/.]/.test(which) || existsSync(which) ? which : findSnapshot(findSession(options), which).file
}

async function withProgress<T>(read: () => Promise<T>): Promise<T> {
  const progress = showProgress('Reading the heap')
  try {
    return await read()
  } finally {
    progress.end()
  }
}

function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, null, process.stdout.isTTY ? 2 : undefined)}\n`)
}
