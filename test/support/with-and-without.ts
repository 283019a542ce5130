// Runs a program with and without the agent and demands that nobody outside can tell the difference.
import { expect } from 'vitest'
import { record, type Recorded, type RecordOptions } from './record.ts'

/** Runs it twice; exit code, signal, stdout and stderr must be the same. Gives the recorded run. */
export async function withAndWithout(options: RecordOptions): Promise<Recorded> {
  // Node itself runs a CommonJS program another way as soon as anything is preloaded: the bare run preloads nothing at all.
  const preload = options.agent === 'require' ? [] : ['--import', 'data:text/javascript,']
  const bare = record({ ...options, agent: 'none', nodeArgs: [...preload, ...(options.nodeArgs ?? [])] })
  const [without, recorded] = await Promise.all([bare, record(options)])
  expect(visible(recorded)).toEqual(visible(without))
  return recorded
}

/** What a parent process sees of a run, without what differs between any two runs. */
export function visible({ status, signal, stdout, stderr, timedOut, folder }: Recorded): object {
  // Node's own frames differ: an AsyncLocalStorage of any kind makes Node 20 take another way into callbacks.
  const clean = (text: string): string =>
    text
      .replaceAll(folder, '<folder>')
      .replaceAll(/\(node:\d+\)/g, '(node:<pid>)')
      .replaceAll(/^ +at .*\(?(node:|wasm:\/\/wasm\/perf-agent).*\n/gm, '')
  return { status, signal, timedOut, stdout: clean(stdout), stderr: clean(stderr) }
}

/** Spans that ended, and what the counters say was left out. */
export function accounted({ spans, counters }: Recorded, name: string): { recorded: number; dropped: number } {
  return {
    recorded: spans.filter((span) => span.name === name && !span.open).length,
    dropped: counters['spans_dropped'] ?? 0,
  }
}
