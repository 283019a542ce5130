import type { ExpectedSpan, ExpectedValue } from './expect-spans.ts'

/** Spans of a synchronous driver of SQLite: of a statement by its summary (`select things`), its text and what came back. */
export function sqliteStatement(namespace: string | undefined) {
  return (
    summary: string,
    text: string,
    result: Record<string, ExpectedValue | undefined> = {},
    more: Partial<ExpectedSpan> = {},
  ): ExpectedSpan => {
    const [operation = '', collection] = summary.split(' ')
    const attributes: Record<string, ExpectedValue | undefined> = {
      'db.system.name': 'sqlite',
      'db.namespace': namespace,
      'perf.loop.blocking': true,
      'db.operation.name': operation,
      'db.collection.name': collection,
      'db.query.summary': summary,
      'db.query.text': text,
      ...result,
    }
    const given = Object.entries(attributes).filter((entry): entry is [string, ExpectedValue] => entry[1] !== undefined)
    return { name: summary, kind: 'internal', attributes: Object.fromEntries(given), ...more }
  }
}

/** What reading `count` rows one by one leaves; the event loop is free in between. */
export function iterated(end: string, count: number): Record<string, ExpectedValue | undefined> {
  const gaps = count > 1 ? { 'perf.stream.max_gap_ms': isTime, 'perf.stream.mean_gap_ms': isTime } : {}
  const stream = { 'perf.stream.end': end, 'perf.stream.chunks': count, 'perf.stream.time_to_first_chunk_ms': isTime, ...gaps }
  return { 'db.response.returned_rows': count, ...stream, 'perf.loop.blocking': undefined }
}

/** What a failed statement says. */
export function failed(code: string): Record<string, string> {
  return { 'db.response.status_code': code, 'error.type': code }
}

function isTime(value: unknown): boolean {
  return typeof value === 'number' && value >= 0
}
