import { renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { PriceTable } from '../../semantics/prices.ts'
import type { Block } from '../codec/block.ts'
import { hotSources, type HotSource, type Session } from '../session.ts'
import { addCost, type AddCost } from './ai-cost.ts'
import { Batches } from './batches.ts'
import { noteBundled } from './bundled.ts'
import { openDatabase, type Database } from './database.ts'
import { acquireSyncLock } from './lock.ts'
import { recordSource, storeProcess, syncedSources, type SyncedSource } from './processes.ts'
import { prepareSchema } from './schema.ts'
import { syncProfiles } from './sync-profiles.ts'
import { noteNestedAi } from './nested-ai.ts'
import { openSource, type SourceReader } from './source.ts'
import { syncHeapProfiles } from './sync-allocations.ts'
import { syncSnapshots } from './sync-heap.ts'
import { refreshSpansView } from './views.ts'
import { stageBlock, type Unreadable } from './stage-block.ts'
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

/** Brings session.duckdb up to date with what the session's processes have committed. Safe while they write, and beside another sync. */
export async function syncSession(session: Session, options: SyncOptions = {}): Promise<SyncResult> {
  const startedAt = performance.now()
  const result: SyncResult = { spans: 0, blocks: 0, instances: 0, problems: [], durationMs: 0 }
  const release = await acquireSyncLock(session.folder, {
    ...(options.timeoutMs === undefined ? {} : { timeoutMs: options.timeoutMs }),
    onWait: (pid) => options.onProgress?.({ spans: 0, done: 0, total: 0, waitingFor: pid }),
  })
  try {
    const database = await openDatabase(session.folder, 'write')
    try {
      await prepareSchema(database.connection, session.name)
      await syncSources(session, database, result, options)
      result.problems.push(
        ...(await syncSnapshots(session, database.connection)),
        ...(await syncHeapProfiles(session, database.connection)),
      )
      await syncProfiles(session, database.connection, result)
      if (result.spans > 0) await noteNestedAi(database.connection)
      await refreshSpansView(database.connection, session.name)
    } finally {
      database.close()
    }
  } finally {
    release()
  }
  result.durationMs = performance.now() - startedAt
  return result
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
  try {
    for (const [done, source] of pending.entries()) {
      const onBatch = (): void => options.onProgress?.({ spans: result.spans, done, total: pending.length })
      onBatch()
      const reader = await openSource(source, dir)
      try {
        if (reader.problem !== undefined) result.problems.push({ source: source.name, reason: reader.problem })
        if (reader.process !== undefined) {
          const number = await storeProcess(connection, reader.process, reader)
          await new SourceSync(session, source, reader, number, batches, result, withCost).run(connection, onBatch)
          await noteBundled(connection, reader.process, number)
        }
        await recordSource(connection, source, reader.isFinal, reader.problem)
      } finally {
        await reader.close()
      }
      result.instances++
    }
  } finally {
    await batches.close()
  }
}

/** The sync of one source: blocks to staging tables, batch by batch to their tables. */
class SourceSync {
  readonly #session: Session
  readonly #source: HotSource
  readonly #reader: SourceReader
  readonly #process: number
  readonly #batches: Batches
  readonly #result: SyncResult
  readonly #withCost: AddCost
  readonly #clock = new WallClock()
  readonly #lastRead = new Map<number, number>()
  #unreadable: Unreadable = { unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 }

  constructor(
    session: Session,
    source: HotSource,
    reader: SourceReader,
    process: number,
    batches: Batches,
    result: SyncResult,
    withCost: AddCost,
  ) {
    this.#session = session
    this.#source = source
    this.#reader = reader
    this.#process = process
    this.#batches = batches
    this.#result = result
    this.#withCost = withCost
  }

  async run(connection: DuckDBConnection, onBatch: () => void): Promise<void> {
    const synced = await connection.runAndReadAll(`SELECT thread, last_seq FROM store.sync_state WHERE source = $1`, [this.#source.name])
    for (const [thread, seq] of synced.getRows()) this.#lastRead.set(Number(thread), Number(seq))
    let staged = 0
    for (const thread of this.#reader.threads()) {
      for (const block of this.#reader.blocks(thread, this.#lastRead.get(thread) ?? -1)) {
        if (staged > 0 && staged + block.n > BATCH_SPANS) {
          await this.#commit()
          onBatch()
          staged = 0
        }
        this.#stage(block)
        staged += block.n
      }
    }
    for (const { hash, text } of this.#reader.contents()) this.#batches.staging.table('contents').add(hash, text)
    await this.#commit()
    await this.#batches.settled()
    this.#markRead()
  }

  #stage(block: Block): void {
    const { thread, seq } = block
    const { staging, shapes } = this.#batches
    this.#result.spans += stageBlock(staging, shapes, this.#clock, block, this.#process, this.#unreadable, this.#withCost)
    for (const [name, value] of Object.entries(block.counters ?? {})) this.#count(thread, name, value)
    const previous = this.#lastRead.get(thread)
    const damaged = this.#reader.takeDamagedBlocks()
    if (damaged > 0) this.#count(-1, 'damaged_blocks', damaged)
    const missing = previous === undefined ? 0 : seq - previous - 1 - damaged
    if (missing > 0) this.#count(thread, 'missing_blocks', missing)
    this.#lastRead.set(thread, seq)
    this.#result.blocks++
  }

  async #commit(): Promise<void> {
    this.#countUnreadable()
    for (const [thread, seq] of this.#lastRead) this.#batches.staging.table('sequences').add(this.#source.name, thread, BigInt(seq))
    await this.#batches.commit(this.#source.kind === 'spill')
  }

  #count(thread: number, name: string, value: number): void {
    if (Number.isFinite(value)) this.#batches.staging.table('counters').add(this.#process, thread, name, BigInt(Math.round(value)))
  }

  #countUnreadable(): void {
    const { unknownRecords, unknownAttributes, damagedRecords } = this.#unreadable
    const damagedBlocks = this.#reader.takeDamagedBlocks()
    if (unknownRecords > 0) this.#count(-1, 'unknown_records', unknownRecords)
    if (unknownAttributes > 0) this.#count(-1, 'unknown_attributes', unknownAttributes)
    if (damagedRecords > 0) this.#count(-1, 'damaged_records', damagedRecords)
    if (damagedBlocks > 0) this.#count(-1, 'damaged_blocks', damagedBlocks)
    this.#unreadable = { unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 }
    for (const [name, value] of Object.entries(this.#reader.rotated())) this.#count(-1, name, value)
  }

  // Only after the commit: the writer deletes what stands here.
  #markRead(): void {
    if (this.#source.kind !== 'lmdb' || this.#lastRead.size === 0) return
    const file = path.join(this.#session.folder, 'hot', `${this.#source.instance}.read.json`)
    const temporary = `${file}.${process.pid}.tmp`
    writeFileSync(temporary, JSON.stringify(Object.fromEntries(this.#lastRead)), { mode: 0o600 })
    renameSync(temporary, file)
  }
}
