import { gzipSync } from 'node:zlib'
import { Function as PprofFunction, Label, Line, Location, Profile, Sample, StringTable, ValueType } from 'pprof-format'
import type { FlameData } from '../cpu/flame-data.ts'

/** A gzipped pprof profile: samples and CPU nanoseconds by stack, labelled with span and layer. */
export function toPprof(flame: FlameData, intervalUs: number): Buffer {
  const strings = new StringTable()
  const text = (value: string): number => strings.dedup(value)
  const ids = new Map([...flame.frames.keys()].map((frame, i) => [frame, i + 1]))
  const functions: PprofFunction[] = []
  const locations: Location[] = []
  for (const [frame, { function: name, file, line }] of flame.frames) {
    const id = ids.get(frame) ?? 0
    functions.push(new PprofFunction({ id, name: text(name), systemName: text(name), filename: text(file ?? ''), startLine: line ?? 0 }))
    locations.push(new Location({ id, line: [new Line({ functionId: id, line: line ?? 0 })] }))
  }
  const label = (key: string, value: string | null): Label[] => (value === null ? [] : [new Label({ key: text(key), str: text(value) })])
  const profile = new Profile({
    sampleType: [
      new ValueType({ type: text('samples'), unit: text('count') }),
      new ValueType({ type: text('cpu'), unit: text('nanoseconds') }),
    ],
    sample: flame.stacks.map(
      ({ frames, us, samples, span, layer }) =>
        new Sample({
          locationId: frames.map((frame) => ids.get(frame) ?? 0).reverse(),
          value: [samples, Math.round(us * 1000)],
          label: [...label('span', span), ...label('layer', layer)],
        }),
    ),
    location: locations,
    function: functions,
    stringTable: strings,
    periodType: new ValueType({ type: text('cpu'), unit: text('nanoseconds') }),
    period: intervalUs * 1000,
  })
  return gzipSync(profile.encode())
}
