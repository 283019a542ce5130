import { guard } from '../src/core/guard.ts'
import { ProbeWord, viewProbeMemory } from '../src/core/probe-memory.ts'
import { waitAsync } from '../src/core/wait-async.ts'
import type { AppProbe } from '../src/profiling/app-probe.ts'

/**
 * Answers the writer's questions in this worker thread of the app, whenever it comes to its event loop. What waits for them is a promise of
 * V8's: no handle, and nothing that keeps the thread alive.
 */
export function answerQuestions(memory: SharedArrayBuffer, probe: AppProbe): void {
  const { words } = viewProbeMemory(memory)
  const answer = (): void => {
    const seen = Atomics.load(words, ProbeWord.asked)
    const ping = Atomics.load(words, ProbeWord.wantedPong)
    if (ping !== Atomics.load(words, ProbeWord.pong)) probe.answer({ type: 'ping', number: ping })
    const sample = Atomics.load(words, ProbeWord.wantedSample)
    if (sample !== Atomics.load(words, ProbeWord.sample)) probe.answer({ type: 'sample', number: sample })
    void Promise.resolve(waitAsync(words, ProbeWord.asked, seen).value).then(() => guard('probe', answer))
  }
  answer()
}
