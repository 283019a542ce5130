import { existsSync, mkdirSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import type { PriceTable } from '../../semantics/prices.ts'
import type { Block } from '../codec/block.ts'
import type { DecodedParts, DecodeOrder, DecodeReply, DecodeSetup } from './decode-messages.ts'
import type { Staging } from './staging.ts'
import type { Unreadable } from './stage-block.ts'

/** Bytes of LMDB files (about 170,000 spans) below which starting threads costs more than they save. */
const MIN_BYTES = 8 * 1024 * 1024
/** Blocks that wait in one thread, at most: a few megabytes. */
const MAX_WAITING = 12

/** Each takes 60 to 100 MB; DuckDB and the thread that reads keep the other cores busy. */
const MOST = 2

/** How many threads should decode so much: none for little, and one core stays for DuckDB. */
export function decoderCount(bytes: number): number {
  if (bytes < MIN_BYTES || workerFile() === undefined) return 0
  return Math.min(MOST, Math.max(0, os.availableParallelism() - 1))
}

/** Where decoding threads put their files; only the holder of the sync lock has one. */
export const stagingFolder = (session: string): string => path.join(session, 'staging')

/** Removes what a sync that was killed has left there. The caller holds the sync lock. */
export function removeStaging(session: string): void {
  rmSync(stagingFolder(session), { recursive: true, force: true })
}

/** Threads that decode the spans and payloads of blocks, each into files of its own, batch by batch. */
export class Decoders {
  readonly #threads: Decoder[]

  private constructor(threads: Decoder[]) {
    this.#threads = threads
  }

  static start(session: string, count: number, prices: Partial<PriceTable> | undefined): Decoders {
    const file = workerFile()
    if (file === undefined) throw new Error('sync-worker.js is missing')
    const folder = stagingFolder(session)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    return new Decoders(Array.from({ length: count }, (_, i) => new Decoder(file, { number: i + 1, folder, prices })))
  }

  /** Gives a block to the thread that has the least to do; waits while all have enough. */
  async decode(block: Block, processNumber: number, offsetNs: bigint | undefined): Promise<void> {
    for (;;) {
      const [idlest] = [...this.#threads].sort((a, b) => a.waiting - b.waiting)
      if (idlest !== undefined && idlest.waiting < MAX_WAITING) return idlest.decode(block, processNumber, offsetNs)
      await Promise.race(this.#threads.map((thread) => thread.progress()))
    }
  }

  /** What the blocks given so far have become; those given from now on are part of the next batch. */
  async handOver(): Promise<DecodedParts[]> {
    return await Promise.all(this.#threads.map((thread) => thread.handOver()))
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()))
  }
}

/** Moves the rows of a batch into the staging tables, removes the files, and adds what could not be read to `unreadable`. */
export async function loadParts(staging: Staging, parts: readonly DecodedParts[], unreadable: Unreadable): Promise<void> {
  const files = parts.flatMap((part) => part.files)
  for (const stage of new Set(files.map((file) => file.stage))) {
    const own = files.filter((file) => file.stage === stage)
    const rows = own.reduce((sum, file) => sum + file.rows, 0)
    await staging.load(stage, own.map(({ file }) => file), rows) // prettier-ignore
  }
  for (const { file } of files) rmSync(file, { force: true })
  for (const part of parts)
    for (const [key, count] of Object.entries(part.unreadable) as [keyof Unreadable, number][]) unreadable[key] += count
}

/** One of the threads. */
class Decoder {
  /** Blocks it has not staged yet. */
  waiting = 0
  readonly #worker: Worker
  readonly #ended: Promise<void>
  #failure: Error | undefined
  /** Who waits for parts, in the order in which they asked. */
  readonly #takers: { resolve: (parts: DecodedParts) => void; reject: (error: Error) => void }[] = []
  #watchers: (() => void)[] = []

  constructor(file: string, setup: DecodeSetup) {
    // Without the flags of this process: nothing of an app, and no recorder, belongs in there.
    this.#worker = new Worker(file, { workerData: setup, execArgv: [], resourceLimits: { maxYoungGenerationSizeMb: 16 } })
    this.#worker.on('message', (reply: DecodeReply) => this.#take(reply))
    this.#worker.on('error', (error) => this.#fail(error instanceof Error ? error : new Error(String(error))))
    this.#ended = new Promise((resolve) => {
      this.#worker.once('exit', () => {
        this.#fail(new Error('a decoding thread ended early'))
        resolve()
      })
    })
  }

  decode({ strings, thread, data }: Block, processNumber: number, offsetNs: bigint | undefined): void {
    // A copy: what LMDB gave is a part of a larger buffer that others use.
    const own = new Uint8Array(data)
    this.waiting++
    this.#order({ block: { strings, thread, data: own }, processNumber, offsetNs }, [own.buffer])
  }

  handOver(): Promise<DecodedParts> {
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      this.#takers.push({ resolve, reject })
      this.#order('hand over')
    })
  }

  /** Settles when the thread has done something; rejects when it cannot any more. */
  progress(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#watchers.push(() => (this.#failure === undefined ? resolve() : reject(this.#failure)))
      if (this.#failure !== undefined) this.#wake()
    })
  }

  async close(): Promise<void> {
    // One that has failed, too: a thread that is terminated while DuckDB works for it aborts the process.
    this.#order('end')
    await this.#ended
  }

  #order(order: DecodeOrder, transfer: ArrayBuffer[] = []): void {
    this.#worker.postMessage(order, transfer)
  }

  #take(reply: DecodeReply): void {
    if (reply === 'staged') this.waiting--
    else if ('failed' in reply) this.#fail(new Error(reply.failed))
    else this.#takers.shift()?.resolve(reply)
    this.#wake()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#takers.splice(0)) reject(this.#failure)
    this.#wake()
  }

  #wake(): void {
    for (const watcher of this.#watchers.splice(0)) watcher()
  }
}

/** The thread's program; none where only a part of the package is there. */
function workerFile(): string | undefined {
  const here = path.dirname(fileURLToPath(import.meta.url))
  return ['', '..', '../../../dist'].map((up) => path.join(here, up, 'sync-worker.js')).find((file) => existsSync(file))
}
