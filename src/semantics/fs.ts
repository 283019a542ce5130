import path from 'node:path'
import type { SpanStart } from '../core/integration.ts'

/** Start of a file operation: the path where it is below the working directory, else as a payload. */
export function fileStart(operation: string, file: unknown, isSync: boolean): SpanStart {
  const given =
    typeof file === 'string' ? file : file instanceof URL && file.protocol === 'file:' ? decodeURIComponent(file.pathname) : undefined
  const relative = given === undefined ? undefined : path.relative(process.cwd(), path.resolve(given))
  const isInside = relative !== undefined && !relative.startsWith('..') && !path.isAbsolute(relative)
  return {
    name: `fs.${operation}`,
    attributes: {
      'file.path': isInside ? relative || '.' : undefined,
      'file.extension': given === undefined ? undefined : path.extname(given).slice(1) || undefined,
      'perf.loop.blocking': isSync ? true : undefined,
    },
    payloads: given !== undefined && !isInside ? [{ role: 'file.path', value: given }] : undefined,
  }
}

/** Bytes of what is read or written. */
export function byteCount(value: unknown): number | undefined {
  if (typeof value === 'string') return Buffer.byteLength(value)
  return ArrayBuffer.isView(value) ? value.byteLength : undefined
}
