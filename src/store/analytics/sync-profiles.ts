import {
  BIGINT,
  DuckDBListValue,
  INTEGER,
  LIST,
  UBIGINT,
  UINTEGER,
  VARCHAR,
  type DuckDBConnection,
  type DuckDBType,
} from '@duckdb/node-api'
import type { CpuProfile } from '../../core/profile-format.ts'
import { attributeSamples, type AttributedProfile } from '../profiles/attribute-samples.ts'
import { profileFiles, readProfile, readScriptMaps, readSpanLog, type ProfileFile, type SpanLog } from '../profiles/profile-file.ts'
import { SourceLocations } from '../profiles/source-locations.ts'
import { profileNodes, StackTable, type ProfileNode } from '../profiles/stack-table.ts'
import type { Session } from '../session.ts'
import { recordSource, syncedSources } from './processes.ts'
import { StagedTable } from './staging.ts'
import type { SyncResult } from './sync.ts'

/** CPU profiles that are not in the database yet. */
export async function pendingProfiles(session: Session, connection: DuckDBConnection): Promise<ProfileFile[]> {
  const files = profileFiles(session)
  if (files.length === 0) return []
  const synced = await syncedSources(connection)
  return files.filter((file) => {
    const known = synced.get(file.name)
    return known === undefined || known.size !== file.size || known.changedMs !== file.changedMs
  })
}

/** Reads new CPU profiles into samples with their spans. One that cannot be read is reported and skipped. */
export async function syncProfiles(session: Session, connection: DuckDBConnection, result: SyncResult): Promise<void> {
  const files = await pendingProfiles(session, connection)
  if (files.length === 0) return
  const processes = await processesByInstance(connection)
  let stacks = await loadStacks(connection)
  let locations: { instance: string; locations: SourceLocations } | undefined
  for (const file of files) {
    const process = processes.get(file.instance)
    // Without its process nothing can be said about it yet.
    if (process === undefined) continue
    let problem: string | undefined
    try {
      const profile = readProfile(file)
      const log = readSpanLog(file)
      if (locations?.instance !== file.instance) {
        const maps = readScriptMaps(session, file.instance)
        locations = { instance: file.instance, locations: new SourceLocations(process.cwd, maps, file.changedMs) }
      }
      await storeProfile(connection, { file, profile, log, process: process.number, stacks, locations: locations.locations })
    } catch (error) {
      problem = `${error instanceof Error ? error.message : String(error)}; skipped`
      result.problems.push({ source: file.name, reason: problem })
      stacks = await loadStacks(connection)
    }
    await recordSource(connection, file, true, problem)
  }
}

async function processesByInstance(connection: DuckDBConnection): Promise<Map<string, { number: number; cwd: string | undefined }>> {
  const rows = await connection.runAndReadAll(`SELECT instance, process, cwd FROM store.processes`)
  return new Map(
    rows
      .getRows()
      .map(([instance, number, cwd]) => [String(instance), { number: Number(number), cwd: typeof cwd === 'string' ? cwd : undefined }]),
  )
}

async function loadStacks(connection: DuckDBConnection): Promise<StackTable> {
  const frames = await connection.runAndReadAll(`SELECT frame, function, file, line, column_number FROM store.frames`)
  const stacks = await connection.runAndReadAll(`SELECT stack, frames FROM store.stacks`)
  return new StackTable(
    frames.getRows().map(([frame, name, file, line, column]) => ({
      frame: Number(frame),
      function: String(name),
      file: typeof file === 'string' ? file : null,
      line: typeof line === 'number' ? line : null,
      column: typeof column === 'number' ? column : null,
    })),
    stacks.getRows().map(([stack, list]) => ({
      stack: Number(stack),
      frames: list instanceof DuckDBListValue ? list.items.map(Number) : [],
    })),
  )
}

interface ReadProfile {
  file: ProfileFile
  profile: CpuProfile
  log: SpanLog
  process: number
  stacks: StackTable
  locations: SourceLocations
}

async function storeProfile(connection: DuckDBConnection, read: ReadProfile): Promise<void> {
  const { file, profile, log, process, stacks, locations } = read
  const previous = await connection.runAndReadAll(
    `SELECT coalesce(max(last_sample_us), 0) FROM store.cpu_profiles WHERE process = ${process} AND thread = ${file.thread}`,
  )
  const nodes = profileNodes(profile)
  const attributed = attributeSamples(profile, nodes, log, Number(previous.getRows()[0]?.[0] ?? 0))
  const wallNs = (us: number): bigint => BigInt(Math.round(log.header.anchor.wallMs * 1e6 + us * 1000 - log.header.anchor.monoNs))
  const stackOf = (node: ProfileNode): number =>
    stacks.stackId((node.path.length === 0 ? [node.node] : node.path).map((at) => stacks.frameId(locations.frame(at))))
  await connection.run('BEGIN')
  try {
    const samples = await tableOf(connection, 'samples', [UBIGINT, UINTEGER, UINTEGER, BIGINT, BIGINT, UINTEGER])
    for (const { node, timeUs, selfUs, spanId } of attributed.samples)
      samples.add(spanId, process, file.thread, wallNs(timeUs), BigInt(Math.round(selfUs)), stackOf(node))
    close(samples)
    await storeLines(connection, read, attributed)
    await storeStacks(connection, stacks)
    await connection.run(`INSERT OR REPLACE INTO store.cpu_profiles VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`, [
      file.name, process, file.thread, wallNs(profile.startTime), BigInt(Math.round((profile.endTime - profile.startTime) * 1000)), log.header.intervalUs,
      BigInt(attributed.samples.length), BigInt(Math.round(attributed.cpuUs)), BigInt(Math.round(attributed.idleUs)), BigInt(log.header.lostSwitches),
      attributed.lastUs,
    ]) // prettier-ignore
    await connection.run('COMMIT')
  } catch (error) {
    await connection.run('ROLLBACK').catch(() => {})
    throw error
  }
}

/** Lines within functions, by V8's ticks; a tick stands for the mean of the function's samples. */
async function storeLines(
  connection: DuckDBConnection,
  { file, process, stacks, locations }: ReadProfile,
  attributed: AttributedProfile,
): Promise<void> {
  const byNode = new Map<ProfileNode, { us: number; count: number }>()
  for (const { node, selfUs } of attributed.samples) {
    const sum = byNode.get(node) ?? { us: 0, count: 0 }
    byNode.set(node, { us: sum.us + selfUs, count: sum.count + 1 })
  }
  const table = await tableOf(connection, 'cpu_lines', [UINTEGER, UINTEGER, UINTEGER, INTEGER, BIGINT, BIGINT])
  for (const [{ node }, { us, count }] of byNode) {
    const ticks = node.positionTicks ?? []
    const all = ticks.reduce((sum, tick) => sum + tick.ticks, 0)
    for (const tick of ticks) {
      const line = locations.line(node, tick.line)
      const share = tick.ticks / all
      table.add(
        process,
        file.thread,
        stacks.frameId(locations.frame(node)),
        line,
        BigInt(Math.round(count * share)),
        BigInt(Math.round(us * share)),
      )
    }
  }
  close(table)
}

async function storeStacks(connection: DuckDBConnection, stacks: StackTable): Promise<void> {
  const frames = await tableOf(connection, 'frames', [UINTEGER, VARCHAR, VARCHAR, INTEGER, INTEGER])
  for (const row of stacks.newFrames) frames.add(row.frame, row.function, row.file, row.line, row.column)
  close(frames)
  const rows = await tableOf(connection, 'stacks', [UINTEGER, UINTEGER, LIST(UINTEGER), VARCHAR])
  for (const row of stacks.newStacks) rows.add(row.stack, row.frame, new DuckDBListValue(row.frames), row.text)
  close(rows)
  stacks.newFrames = []
  stacks.newStacks = []
}

function close(table: StagedTable): void {
  table.flush()
  table.close()
}

async function tableOf(connection: DuckDBConnection, name: string, types: DuckDBType[]): Promise<StagedTable> {
  return new StagedTable(types, await connection.createAppender(name, 'store'))
}
