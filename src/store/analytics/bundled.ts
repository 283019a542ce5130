import { readFileSync, statSync } from 'node:fs'
import type { DuckDBConnection } from '@duckdb/node-api'
import type { ProcessMeta } from '../codec/block.ts'
import { bundleSigns } from './bundle-signs.ts'

const MAX_BYTES = 64 * 1024 * 1024
const REASON = 'inside the bundle of the app: nothing can be hooked there; keep it external in the bundler'

/** Notes the packages that are part of the process's program file, where it is still the one that ran. A bundle loads no package, so no hook sees one. */
export async function noteBundled(connection: DuckDBConnection, process: ProcessMeta, number: number): Promise<void> {
  const file = process.argv?.[1]
  if (file === undefined) return
  for (const { name, integration } of packagesInside(programText(file, process.startedAt))) {
    await connection.run(
      `INSERT INTO store.packages BY NAME SELECT $1::UINTEGER AS process, 0 AS thread, $2 AS name, $3 AS integration, 'bundled' AS status, $4 AS reason, $5 AS path
       WHERE NOT EXISTS (SELECT 1 FROM store.packages WHERE process = $1 AND name = $2)`,
      [number, name, integration, REASON, file],
    )
  }
}

/** The known packages whose code is part of this text. */
export function packagesInside(text: string): { name: string; integration: string }[] {
  return bundleSigns.filter(({ texts }) => texts.every((sign) => text.includes(sign)))
}

function programText(file: string, startedAt: string | undefined): string {
  try {
    const { size, mtimeMs } = statSync(file)
    const isWhatRan = startedAt === undefined || mtimeMs <= Date.parse(startedAt)
    return isWhatRan && size <= MAX_BYTES ? readFileSync(file, 'latin1') : ''
  } catch {
    return ''
  }
}
