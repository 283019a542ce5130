import path from 'node:path'
import { findNodeAtLocation, parseTree } from 'jsonc-parser'
import type { Violation } from '../../analysis/audit/violation.ts'
import type { AuditOutcome } from './audit.ts'

/** A line of a file, relative to the working directory where it is below it; lines from 1. */
export interface FileLine {
  file: string
  line: number
}

/** Where a violation is shown in the code: its first place, else its threshold in perf.config.json; undefined for a built-in one without a place. */
export function placeOf({ file, isOwn, result }: AuditOutcome, violation: Violation): FileLine | undefined {
  const [first] = violation.places
  if (first !== undefined) return { file: relative(first.file), line: first.line ?? 1 }
  const check = result?.checks.find(({ rule, status }) => rule === violation.rule && status === violation.level)
  const index = check?.index ?? -1
  if (isOwn[index] !== true || file.text === undefined) return undefined
  const root = parseTree(file.text)
  const node = root === undefined ? undefined : findNodeAtLocation(root, ['thresholds', index])
  return { file: relative(file.path), line: file.text.slice(0, node?.offset ?? 0).split('\n').length }
}

function relative(file: string): string {
  const fromHere = path.relative(process.cwd(), path.resolve(file))
  return (fromHere.startsWith('..') ? path.resolve(file) : fromHere).replaceAll(path.sep, '/')
}
