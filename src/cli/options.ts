import { parseBytes } from '../setting-values.ts'
import { UsageError } from '../errors.ts'

const UNITS_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, min: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/** `500ms`, `30s`, `5m`, `12h`, `30d`, `2w` → milliseconds. Throws `UsageError` for anything else. */
export function durationOption(option: string, text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|min|h|d|w)$/i.exec(text.trim())
  const unit = UNITS_MS[(match?.[2] ?? '').toLowerCase()]
  if (match === null || unit === undefined)
    throw new UsageError(`${option} needs a duration such as 500ms, 30s, 5m, 12h or 30d, not '${text}'.`)
  return Number(match[1]) * unit
}

/** `500MB`, `5GB` → bytes. Throws `UsageError` for anything else. */
export function bytesOption(option: string, text: string): number {
  const bytes = parseBytes(text.trim())
  if (bytes === undefined) throw new UsageError(`${option} needs a size such as 500MB or 5GB, not '${text}'.`)
  return bytes
}
