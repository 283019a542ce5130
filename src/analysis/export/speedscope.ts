import type { FlameFrame, ThreadSamples } from '../cpu/flame-data.ts'

/** speedscope's own file format: one sampled profile per thread, in microseconds. */
export function toSpeedscope(session: string, frames: ReadonlyMap<number, FlameFrame>, threads: readonly ThreadSamples[]): object {
  const index = new Map([...frames.keys()].map((frame, i) => [frame, i]))
  return {
    $schema: 'https://www.speedscope.app/file-format-schema.json',
    name: session,
    exporter: '@perf/agent',
    activeProfileIndex: 0,
    shared: {
      frames: [...frames.values()].map(({ function: name, file, line }) => ({
        name,
        ...(file === null ? {} : { file }),
        ...(line === null ? {} : { line }),
      })),
    },
    profiles: threads.map(({ pid, thread, service, samples }) => ({
      type: 'sampled',
      name: `${service ?? 'process'} ${pid}, ${thread === 0 ? 'main thread' : `thread ${thread}`}`,
      unit: 'microseconds',
      startValue: 0,
      endValue: samples.reduce((sum, sample) => sum + sample.us, 0),
      samples: samples.map((sample) => sample.frames.map((frame) => index.get(frame) ?? 0)),
      weights: samples.map((sample) => sample.us),
    })),
  }
}
