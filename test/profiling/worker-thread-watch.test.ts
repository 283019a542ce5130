import { expect, it } from 'vitest'
import { createProbeMemory, ProbeWord, viewProbeMemory } from '../../src/core/probe-memory.ts'
import { MAX_WATCHED_THREADS, WorkerThreadWatch } from '../../src/profiling/worker-thread-watch.ts'

it('makes room for threads when those it watched have ended', () => {
  const watch = new WorkerThreadWatch({ stallMs: 0, isWanted: () => true, stalled: () => {} })
  for (let thread = 2; thread < 2 + MAX_WATCHED_THREADS; thread++) watch.add(thread, createProbeMemory(), () => true)
  const memory = createProbeMemory()
  watch.add(100, memory, () => false)
  watch.measure(() => {})
  expect(viewProbeMemory(memory).words[ProbeWord.wantedSample]).toBe(1)
  watch.stop()
})
