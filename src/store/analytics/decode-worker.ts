// Entry of a thread that decodes blocks for sync: spans and payloads into a DuckDB of its own in memory, from there to Parquet files.
import { chmodSync } from 'node:fs'
import path from 'node:path'
import { parentPort, workerData } from 'node:worker_threads'
import { DuckDBInstance } from '@duckdb/node-api'
import { indexBlock } from '../codec/decode-block.ts'
import { addCost } from './ai-cost.ts'
import { BULK_STAGES, type DecodeOrder, type DecodedParts, type DecodeReply, type DecodeSetup } from './decode-messages.ts'
import { ShapeTable } from './shape-table.ts'
import { countAttributes, largeBytesOf, stageBulk } from './stage-block.ts'
import { Staging } from './staging.ts'
import { WallClock } from './wall-clock.ts'

const { number, folder, prices } = workerData as DecodeSetup
/** Numbers of shapes that no other thread of the same sync uses. */
const firstShape = number * 2 ** 24
/** Rows a group of a file holds: DuckDB reads groups side by side, and writes one from memory. */
const GROUP_ROWS = 30_720
/** Bytes of large records after which a file is written: DuckDB holds a column of a group of rows several times while it writes it. */
const FILE_LARGE_BYTES = 8 * 1024 * 1024

const instance = await DuckDBInstance.create(':memory:', {
  threads: '1',
  memory_limit: '64MB',
  temp_directory: path.join(folder, `memory-${number}`),
  autoinstall_known_extensions: 'false',
})
const connection = await instance.connect()
const staging = await Staging.create(connection, BULK_STAGES)
const withCost = addCost(prices)
let shapes = new ShapeTable(staging.table('shapes'), firstShape)
let unreadable: DecodedParts['unreadable'] = { unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 }
/** What of it has been staged since the last file. */
let largeBytes = 0
let written: DecodedParts['files'] = []
let files = 0

const reply = (message: DecodeReply): void => parentPort?.postMessage(message)

// One order after the other: rows of the next batch must not get into the files of this one.
let working = Promise.resolve()
let hasFailed = false
parentPort?.on('message', (order: DecodeOrder) => {
  working = working
    .then(() => (hasFailed && order !== 'end' ? undefined : work(order)))
    .catch((error: unknown) => {
      hasFailed = true
      reply({ failed: error instanceof Error ? error.message : String(error) })
    })
})

async function work(order: DecodeOrder): Promise<void> {
  if (order === 'end') {
    // First: a thread that cannot close its tables has to end, too, for its end is waited for.
    parentPort?.close()
    staging.close()
    connection.closeSync()
    instance.closeSync()
  } else if (order === 'hand over') {
    reply(await handOver())
  } else {
    const { block, processNumber, offsetNs } = order
    const index = indexBlock(block)
    stageBulk(staging, shapes, block, index, { number: processNumber, clock: new WallClock(offsetNs), withCost })
    countAttributes(unreadable, index)
    largeBytes += largeBytesOf(block.data, index.spans.length + index.payloads.length)
    if (largeBytes > FILE_LARGE_BYTES) await writeFiles()
    reply('staged')
  }
}

/** Writes the rest to files, and begins a new batch. */
async function handOver(): Promise<DecodedParts> {
  await writeFiles()
  const parts: DecodedParts = { files: written, unreadable }
  shapes = new ShapeTable(staging.table('shapes'), firstShape)
  unreadable = { unknownRecords: 0, unknownAttributes: 0, damagedRecords: 0 }
  written = []
  return parts
}

/** Moves what is staged to files. */
async function writeFiles(): Promise<void> {
  staging.flush()
  for (const stage of BULK_STAGES) {
    const rows = staging.rows(stage)
    if (rows === 0) continue
    const file = path.join(folder, `${number}-${files++}.parquet`)
    await connection.run(
      `COPY stage_${stage} TO '${file.replaceAll("'", "''")}' (FORMAT parquet, COMPRESSION uncompressed, ROW_GROUP_SIZE ${GROUP_ROWS})`,
    )
    chmodSync(file, 0o600)
    written.push({ stage, file, rows })
  }
  for (const statement of staging.emptying()) await connection.run(statement)
  staging.reset()
  largeBytes = 0
}
