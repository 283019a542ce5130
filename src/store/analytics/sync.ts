import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { PriceTable } from '../../semantics/prices.ts'
import { SourceStacks } from '../profiles/source-stacks.ts'
import { isArchived } from '../archive/manifest.ts'
import { hasNewSources, restoreArchive } from '../archive/restore-archive.ts'
import type { Block } from '../codec/block.ts'
import { indexBlock } from '../codec/decode-block.ts'
import { hotSources, type HotSource, type Session } from '../session.ts'
import { addCost, type AddCost } from './ai-cost.ts'
import { noteAi } from './ai-notes.ts'
import { Batches } from './batches.ts'
import { noteBundled } from './bundled.ts'
import { openDatabase, type Database } from './database.ts'
import { decoderCount, Decoders, loadParts, removeStaging } from './decoders.ts'
import { acquireSyncLock } from './lock.ts'
import { recordSource, storeProcess, syncedSources, type SyncedSource } from './processes.ts'
import { prepareSchema } from './schema.ts'
import { syncProfiles } from './sync-profiles.ts'
import { openSource, type SourceReader } from './source.ts'
import { syncHeapProfiles } from './sync-allocations.ts'
import { summarizeLateTraces } from './summaries.ts'
import { syncSnapshots } from './sync-heap.ts'
import { refreshViews } from './views.ts'
import { countAttributes, largeBytesOf, stageBulk, stageRest, type StagedProcess, type Unreadable } from './stage-block.ts'
import type { Staging } from './staging.ts'
import { WallClock } from './wall-clock.ts'

export interface SyncProgress {
  /** Spans stored so far in this sync. */
  spans: number
  /** Process instances done and to do. */
  done: number
  total: number
  /** Set while another process holds the lock. */
  waitingFor?: number
}

export interface SyncOptions {
  onProgress?: (progress: SyncProgress) => void
  /** The user's prices of AI models, over those of the package. */
  prices?: Partial<PriceTable> | undefined
  /** How long to wait for another process that syncs the same session. */
  timeoutMs?: number
  /** Threads that decode beside this one; by default as many as the amount to read is worth. */
  decoders?: number
}

/** What a sync did. */
export interface SyncResult {
  spans: number
  blocks: number
  instances: number
  /** Sources that could not be read, and why. */
  problems: { source: string; reason: string }[]
  durationMs: number
}

/**
 * Spans per transaction: two of DuckDB's row groups (122,880 rows) and a little less. Complete row groups go straight to the file, without
 * the write-ahead log; a small third one would be written again with the next batch (48 instead of 33 bytes a span in the file, measured).
 */
const BATCH_SPANS = 245_000
/** Records of any type per transaction, so that one of many logs or payloads stays within memory, too. */
const BATCH_RECORDS = 4 * BATCH_SPANS
/** Bytes of large records per transaction: DuckDB holds their texts several times while it sorts them. */
const BATCH_LARGE_BYTES = 16 * 1024 * 1024

/** Brings session.duckdb up to date with what the session's processes have committed. Safe while they write, and beside another sync. */
export async function syncSession(session: Session, options: SyncOptions = {}): Promise<SyncResult> {
  const startedAt = performance.now()
  const result: SyncResult = { spans: 0, blocks: 0, instances: 0, problems: [], durationMs: 0 }
  const release = await acquireSyncLock(session.folder, {
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    onWait: (pid) => options.onProgress?.({ spans: 0, done: 0, total: 0, waitingFor: pid }),
  })
  try {
    if (isArchived(session.folder)) {
      if (!(await archiveLacks(session))) return { ...result, durationMs: performance.now() - startedAt }
      await restoreArchive(session.folder)
    }
    removeStaging(session.folder)
    const database = await openDatabase(session.folder, 'write')
    try {
      await prepareSchema(database.connection, session.name)
      await syncSources(session, database, result, options)
      result.problems.push(
        ...(await syncSnapshots(session, database.connection)),
        ...(await syncHeapProfiles(session, database.connection)),
      )
      await syncProfiles(session, database.connection, result)
      await summarizeLateTraces(database.connection)
      await noteAi(database.connection)
      await refreshViews(database.connection, session.name)
    } finally {
      database.close()
    }
  } finally {
    release()
  }
  result.durationMs = performance.now() - startedAt
  return result
}

/** Whether processes joined a session after it was archived. */
async function archiveLacks(session: Session): Promise<boolean> {
  const { connection, close } = await openDatabase(session.folder, 'read')
  try {
    return await hasNewSources(session, connection)
  } finally {
    close()
  }
}

/** Sources that changed since they were last synced, or whose process may still change state. */
export async function pendingSources(session: Session, connection: DuckDBConnection): Promise<HotSource[]> {
  const synced = await syncedSources(connection)
  return hotSources(session).filter((source) => !isUpToDate(source, synced.get(source.name)))
}

function isUpToDate(source: HotSource, synced: SyncedSource | undefined): boolean {
  return synced !== undefined && synced.final && synced.size === source.size && synced.changedMs === source.changedMs
}

async function syncSources(session: Session, database: Database, result: SyncResult, options: SyncOptions): Promise<void> {
  const { connection } = database
  const pending = await pendingSources(session, connection)
  if (pending.length === 0) return
  const batches = await Batches.open(database)
  const dir = path.resolve(session.folder, '..', '..')
  const withCost = addCost(options.prices)
  // One for all sources of a process, environments first: what a spill file repeats is known again by its time.
  const clocks = new Map<string, WallClock>()
  const count = options.decoders ?? decoderCount(pending.reduce((bytes, source) => bytes + source.size, 0))
  const decoders = count > 0 ? Decoders.start(session.folder, count, options.prices) : undefined
  try {
    for (const [done, source] of pending.entries()) {
      const onBatch = (): void => options.onProgress?.({ spans: result.spans, done, total: pending.length })
      onBatch()
      const reader = await openSource(source, dir)
      try {
        if (reader.problem !== undefined) result.problems.push({ source: source.name, reason: reader.problem })
        if (reader.process !== undefined) {
          const number = await storeProcess(connection, reader.process, reader)
          const clock = clocks.get(source.instance) ?? new WallClock()
          clocks.set(source.instance, clock)
          await new SourceSync({ session, source, reader, process: number, clock, batches, result, withCost, decoders }).run(
            connection,
            onBatch,
          )
          await noteBundled(connection, reader.process, number)
        }
        await recordSource(connection, source, reader.isFinal, reader.problem)
      } finally {
        await reader.close()
      }
      result.instances++
    }
  } finally {
    try {
      await batches.close()
    } finally {
      // Their threads would keep the process alive.
      await decoders?.close()
      removeStaging(session.folder)
    }
  }
}

const nothing = (): Unreadable => ({ unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 })

/** What the sync of one source works with. */
interface SourceWork {
  session: Session
  source: HotSource
  reader: SourceReader
  /** Number of the process within the session. */
  process: number
  clock: WallClock
  batches: Batches
  result: SyncResult
  withCost: AddCost
  /** Without them, this thread decodes. */
  decoders: Decoders | undefined
}

/** The sync of one source: blocks to staging tables, batch by batch to their tables. */
class SourceSync {
  readonly #work: SourceWork
  readonly #from: StagedProcess
  readonly #lastRead = new Map<number, number>()

  constructor(work: SourceWork) {
    this.#work = work
    this.#from = {
      number: work.process,
      clock: work.clock,
      unreadable: nothing(),
      stacks: new SourceStacks(),
      withCost: work.withCost,
    }
  }

  async run(connection: DuckDBConnection, onBatch: () => void): Promise<void> {
    const { source, reader, batches } = this.#work
    const synced = await connection.runAndReadAll(`SELECT thread, last_seq FROM store.sync_state WHERE source = $1`, [source.name])
    for (const [thread, seq] of synced.getRows()) this.#lastRead.set(Number(thread), Number(seq))
    let [spans, records, largeBytes] = [0, 0, 0]
    for (const thread of reader.threads()) {
      for (const block of reader.blocks(thread, this.#lastRead.get(thread) ?? -1)) {
        const isFull = spans + block.spans > BATCH_SPANS || records + block.n > BATCH_RECORDS || largeBytes > BATCH_LARGE_BYTES
        if (records > 0 && isFull) {
          await this.#commit()
          onBatch()
          ;[spans, records, largeBytes] = [0, 0, 0]
        }
        await this.#stage(block)
        spans += block.spans
        records += block.n
        largeBytes += largeBytesOf(block.data, block.n)
      }
    }
    for (const { hash, text } of reader.contents()) {
      batches.staging.table('contents').add(hash, text)
      largeBytes += text.length
      if (largeBytes <= BATCH_LARGE_BYTES) continue
      await this.#commit()
      largeBytes = 0
    }
    await this.#commit()
    await batches.settled()
    this.#markRead()
  }

  async #stage(block: Block): Promise<void> {
    const { thread, seq } = block
    const { batches, reader, process: processNumber, result, decoders } = this.#work
    const { staging, shapes } = batches
    const from = this.#from
    from.clock.anchor(block.anchor)
    const index = indexBlock(block)
    if (decoders === undefined) stageBulk(staging, shapes, block, index, from)
    else await decoders.decode(block, processNumber, from.clock.offsetNs)
    stageRest(staging, block, index, from)
    countAttributes(from.unreadable, index)
    result.spans += index.spans.length
    for (const [name, value] of Object.entries(block.counters ?? {})) this.#count(staging, thread, name, value)
    const previous = this.#lastRead.get(thread)
    const damaged = reader.takeDamagedBlocks()
    if (damaged > 0) this.#count(staging, -1, 'damaged_blocks', damaged)
    const missing = previous === undefined ? 0 : seq - previous - 1 - damaged
    if (missing > 0) this.#count(staging, thread, 'missing_blocks', missing)
    this.#lastRead.set(thread, seq)
    result.blocks++
  }

  async #commit(): Promise<void> {
    const { source, reader, batches, decoders } = this.#work
    const { unreadable } = this.#from
    this.#from.unreadable = nothing()
    for (const [thread, seq] of this.#lastRead) batches.staging.table('sequences').add(source.name, thread, BigInt(seq))
    const damagedBlocks = reader.takeDamagedBlocks()
    if (damagedBlocks > 0) this.#count(batches.staging, -1, 'damaged_blocks', damagedBlocks)
    for (const [name, value] of Object.entries(reader.rotated())) this.#count(batches.staging, -1, name, value)
    const parts = decoders?.handOver()
    // Waited for by the batch; until then a failure must not count as unhandled.
    parts?.catch(() => {})
    await batches.commit(source.kind === 'spill', async (staging) => {
      if (parts !== undefined) await loadParts(staging, await parts, unreadable)
      this.#countUnreadable(staging, unreadable)
    })
  }

  #count(staging: Staging, thread: number, name: string, value: number): void {
    if (Number.isFinite(value)) staging.table('counters').add(this.#work.process, thread, name, BigInt(Math.round(value)))
  }

  #countUnreadable(staging: Staging, { unknownRecords, unknownAttributes, damagedRecords }: Unreadable): void {
    if (unknownRecords > 0) this.#count(staging, -1, 'unknown_records', unknownRecords)
    if (unknownAttributes > 0) this.#count(staging, -1, 'unknown_attributes', unknownAttributes)
    if (damagedRecords > 0) this.#count(staging, -1, 'damaged_records', damagedRecords)
  }

  // Only after the commit: the writer deletes what stands here.
  #markRead(): void {
    const { session, source } = this.#work
    if (source.kind !== 'lmdb' || this.#lastRead.size === 0) return
    const file = path.join(session.folder, 'hot', `${source.instance}.read.json`)
    const temporary = `${file}.${process.pid}.tmp`
    writeFileSync(temporary, JSON.stringify(Object.fromEntries(this.#lastRead)), { mode: 0o600 })
    renameSync(temporary, file)
  }
}
