import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import type { Beat, Block, EndMark, ProcessMeta } from '../codec/block.ts'
import { decodeSpill } from '../codec/spill.ts'
import { openHot } from '../hot/read.ts'
import { processState, type ProcessState } from '../liveness.ts'
import { isAlive } from '../process-identity.ts'
import type { HotSource } from '../session.ts'

/** An environment or a spill file, opened for sync. */
export interface SourceReader {
  process: ProcessMeta | undefined
  beat: Beat | undefined
  end: EndMark | undefined
  state: ProcessState
  /** Nothing will be added to it any more. */
  isFinal: boolean
  /** Why it cannot be read, or not in full. */
  problem: string | undefined
  threads(): number[]
  blocks(thread: number, after: number): Iterable<Block>
  contents(): Iterable<{ hash: string; text: string }>
  /** Counters of what was rotated away, and of what the disk refused. */
  rotated(): Record<string, number>
  /** Blocks that could not be decoded since the last call. */
  takeDamagedBlocks(): number
  close(): Promise<void>
}

const NOTHING = {
  process: undefined,
  beat: undefined,
  end: undefined,
  state: 'crashed',
  isFinal: true,
  threads: () => [],
  blocks: () => [],
  contents: () => [],
  rotated: () => ({}),
  takeDamagedBlocks: () => 0,
  close: () => Promise.resolve(),
} as const satisfies Omit<SourceReader, 'problem'>

/** Opens a source. What cannot be read is a reader without a process and with a `problem`. */
export async function openSource(source: HotSource, dir: string): Promise<SourceReader> {
  try {
    return source.kind === 'lmdb' ? await openEnvironment(source, dir) : openSpill(source, dir)
  } catch (error) {
    return { ...NOTHING, problem: error instanceof Error ? error.message : String(error) }
  }
}

async function openEnvironment(source: HotSource, dir: string): Promise<SourceReader> {
  // A file somebody still writes is not walked page by page: pages change meanwhile.
  const isBeingWritten = Date.now() - source.changedMs < 10_000
  // Killed before its writer had made the file.
  if (source.size === 0 && !existsSync(path.join(source.path, 'data.mdb')))
    return { ...NOTHING, isFinal: !isBeingWritten, problem: undefined }
  const result = openHot(source.path, { live: isBeingWritten })
  if (result.state === 'damaged') return { ...NOTHING, isFinal: !isBeingWritten, problem: `damaged: ${result.reason}` }
  const { hot } = result
  const process = hot.process()
  const beat = hot.beat()
  const end = hot.end()
  if (process === undefined) {
    // Killed before its first commit.
    const isEmpty = hot.threads().length === 0
    await hot.close()
    return { ...NOTHING, isFinal: !isBeingWritten, problem: isEmpty ? undefined : 'its process entry is missing' }
  }
  const state = processState(dir, process, beat, end)
  let counted = 0
  return {
    process,
    beat,
    end,
    state,
    // A process writes its end mark last; one that is dead writes nothing more.
    isFinal: state !== 'live' && !(end && isAlive(process.pid) && isBeingWritten),
    problem: undefined,
    threads: () => hot.threads(),
    blocks: (thread, after) => hot.blocks(thread, after),
    contents: () => hot.contents(),
    rotated: () => ({ ...numbersOf(hot.rotated(), 'rotated'), ...numbersOf(hot.lost(), 'lost') }),
    takeDamagedBlocks: () => {
      const fresh = hot.damagedBlocks - counted
      counted = hot.damagedBlocks
      return fresh
    },
    close: () => hot.close(),
  }
}

function openSpill(source: HotSource, dir: string): SourceReader {
  const spill = decodeSpill(readFileSync(source.path))
  const isBeingWritten = Date.now() - source.changedMs < 2000
  if (spill === undefined) return { ...NOTHING, isFinal: !isBeingWritten, problem: 'damaged: not a spill file, or cut in its header' }
  const isCut = spill.cutBlocks > 0
  // hot/<instance>.<thread>.<n>.spill: the end of a worker thread is not the end of its process.
  const end = source.name.split('.')[1] === '0' ? (spill.end ?? undefined) : undefined
  return {
    ...NOTHING,
    process: isCut && isBeingWritten ? undefined : spill.process,
    end,
    state: processState(dir, spill.process, undefined, end),
    isFinal: !(isCut && isBeingWritten),
    problem: isCut ? `truncated: ${spill.cutBlocks} blocks are missing` : undefined,
    threads: () => [...new Set(spill.blocks.map((block) => block.thread))],
    blocks: (thread, after) => spill.blocks.filter((block) => block.thread === thread && block.seq > after),
  }
}

function numbersOf(value: unknown, suffix: 'rotated' | 'lost'): Record<string, number> {
  if (typeof value === 'number') return { [`spans_${suffix}`]: value }
  if (typeof value !== 'object' || value === null) return {}
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, entry]) =>
      typeof entry === 'number' ? [[key.endsWith(`_${suffix}`) ? key : `${key}_${suffix}`, entry]] : [],
    ),
  )
}
