import { fork, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PerfError } from '../../errors.ts'
import type { ScoreCase, ScoreOutcome } from './scorer.ts'
import type { ModuleScorers } from './scorer-spec.ts'

/** To the process of the scorers. */
export interface HostRequest {
  id: number
  scorer: string
  call: ScoreCase
}

/** From it: what it loaded, or what one scorer said. */
export type HostReply = { ready: string[] } | { error: string } | { id: number; outcome: ScoreOutcome; score?: number; reason?: string }

/** What one scorer said of one call. */
export interface ModuleScore {
  score: number | null
  outcome: ScoreOutcome
  reason: string | null
}

/** How long its module may take to load, and one scorer for one call. */
const LOAD_MS = 10_000
const ANSWER_MS = 10_000
/** After so many hangs or deaths of the process in one scorer it is not asked again. */
const MAX_LOSSES = 3

/** The scorers of one module of the user's, in a process of its own that is killed and started anew when one of them hangs or dies. */
export class ModuleScorerProcess {
  names: string[] = []
  readonly weight: number
  readonly #spec: ModuleScorers
  readonly #loadMs: number
  readonly #answerMs: number
  #child: ChildProcess | undefined
  #next = 1

  constructor(spec: ModuleScorers, { loadMs = LOAD_MS, answerMs = ANSWER_MS }: { loadMs?: number; answerMs?: number } = {}) {
    this.#spec = spec
    this.#loadMs = loadMs
    this.#answerMs = answerMs
    this.weight = spec.weight
  }

  /** Loads the module. Throws `PerfError` with one sentence when it cannot be loaded or exports no scorer. */
  async start(): Promise<void> {
    const { file, names } = this.#spec
    const child = fork(hostFile(), [file, ...names], {
      // What a scorer prints must not get into the report. Nor is this process to be recorded, or to run with the flags of this one.
      stdio: ['ignore', 2, 2, 'ipc'],
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: '', PERF_ENABLED: 'false' },
      serialization: 'advanced',
    })
    this.#child = child
    const reply = await replyOf(child, this.#loadMs, () => true)
    if (typeof reply === 'object' && 'ready' in reply) {
      this.names = reply.ready
      return
    }
    this.stop()
    const why = typeof reply === 'object' && 'error' in reply ? reply.error : reply === 'timeout' ? `it took more than ${this.#loadMs / 1000} s` : 'its process ended' // prettier-ignore
    throw new PerfError('SCORER_MODULE', `PERF_SCORERS: ${path.basename(file)} cannot be used: ${why}.`)
  }

  /** What the scorer says of the call; never throws for what the scorer does. */
  async judge(scorer: string, call: ScoreCase): Promise<ModuleScore> {
    if ((this.#spec.losses.get(scorer) ?? 0) >= MAX_LOSSES)
      return { score: null, outcome: 'skipped', reason: `not asked again after ${MAX_LOSSES} times without an answer` }
    if (this.#child === undefined) await this.start()
    const child = this.#child as ChildProcess
    const id = this.#next++
    const request: HostRequest = { id, scorer, call }
    const answer = replyOf(child, this.#answerMs, (reply) => 'id' in reply && reply.id === id)
    child.send(request, () => {})
    const reply = await answer
    if (typeof reply === 'object' && 'id' in reply)
      return { score: reply.score ?? null, outcome: reply.outcome, reason: reply.reason ?? null }
    this.#spec.losses.set(scorer, (this.#spec.losses.get(scorer) ?? 0) + 1)
    this.stop()
    return reply === 'timeout'
      ? { score: null, outcome: 'timeout', reason: `no answer within ${this.#answerMs / 1000} s` }
      : { score: null, outcome: 'threw', reason: 'its process ended' }
  }

  /** Ends the process. */
  stop(): void {
    this.#child?.kill('SIGKILL')
    this.#child = undefined
  }
}

/** The first message that fits, or why there is none. */
function replyOf(child: ChildProcess, timeoutMs: number, fits: (reply: HostReply) => boolean): Promise<HostReply | 'timeout' | 'ended'> {
  return new Promise((resolve) => {
    const done = (reply: HostReply | 'timeout' | 'ended'): void => {
      clearTimeout(timer)
      child.off('message', onMessage)
      child.off('exit', onEnd)
      child.off('error', onEnd)
      resolve(reply)
    }
    const onMessage = (message: unknown): void => {
      if (fits(message as HostReply)) done(message as HostReply)
    }
    const onEnd = (): void => done('ended')
    const timer = setTimeout(() => done('timeout'), timeoutMs)
    child.on('message', onMessage)
    child.on('exit', onEnd)
    child.on('error', onEnd)
  })
}

function hostFile(): string {
  const here = path.dirname(fileURLToPath(import.meta.url))
  const found = ['', '..', '../../../dist'].map((up) => path.join(here, up, 'scorer-host.js')).find((file) => existsSync(file))
  if (found === undefined)
    throw new PerfError('NOT_BUILT', 'dist/scorer-host.js is missing; reinstall @perf/agent (in its own repository: npm run build).')
  return found
}
