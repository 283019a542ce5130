import { FigureCounter, type LoadFigures } from './figures.ts'
import { LoadClient, loadLibrary, type LoadRequest } from './load-client.ts'

/** How much of a request, for how long. */
export interface LoadPlan {
  /** At most so many requests at a time. */
  connections: number
  /** Requests per second, evenly spaced, whatever the answers take; without it every connection sends as soon as it may. */
  rate: number | undefined
  /** Time in which rate or connections grow from nothing, at the beginning of `durationMs`. */
  rampMs: number
  durationMs: number
}

/** A load run that is under way. */
export interface RunningLoad {
  /** As it stands now. */
  figures(): LoadFigures
  /** Sends nothing more; `done` comes when what is under way is answered, at most `withinMs` later. */
  stop(withinMs?: number): void
  done: Promise<LoadFigures>
}

/** Starts sending. */
export async function startLoad(request: LoadRequest, plan: LoadPlan): Promise<RunningLoad> {
  const library = await loadLibrary()
  const run = new LoadRun(request, plan, (idle, outcome) => new LoadClient(library, request, { idle, outcome }))
  run.start()
  return run
}

type MakeClient = (idle: (client: LoadClient) => void, outcome: (outcome: Parameters<FigureCounter['add']>[0]) => void) => LoadClient

class LoadRun implements RunningLoad {
  readonly done: Promise<LoadFigures>
  readonly #request: LoadRequest
  readonly #plan: LoadPlan
  readonly #make: MakeClient
  readonly #counter = new FigureCounter()
  readonly #clients: LoadClient[] = []
  /** The one that was used last is at the end, and is used next: the others may close. */
  #idle: LoadClient[] = []
  readonly #startedMs = performance.now()
  #resolve: (figures: LoadFigures) => void = () => {}
  #sent = 0
  #endedMs: number | undefined
  #deadlineMs = Infinity
  #timer: NodeJS.Timeout | undefined
  #isPumping = false

  constructor(request: LoadRequest, plan: LoadPlan, make: MakeClient) {
    this.#request = request
    this.#plan = plan
    this.#make = make
    this.done = new Promise((resolve) => (this.#resolve = resolve))
  }

  start(): void {
    this.#pump()
  }

  figures(): LoadFigures {
    return this.#counter.figures((this.#endedMs ?? performance.now()) - this.#startedMs)
  }

  stop(withinMs = this.#request.timeoutMs + 500): void {
    const now = performance.now()
    this.#deadlineMs = Math.min(this.#deadlineMs, now + withinMs)
    if (this.#endedMs === undefined) {
      this.#endedMs = now
      if (this.#plan.rate !== undefined) this.#counter.unsent = Math.max(0, Math.floor(this.#due(now - this.#startedMs)) - this.#sent)
    }
    this.#pumpSoon()
  }

  /** Not at once: the client calls in the middle of its own work. */
  #pumpSoon(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    setImmediate(() => {
      this.#isPumping = false
      this.#pump()
    })
  }

  #pump(): void {
    clearTimeout(this.#timer)
    const now = performance.now()
    const elapsedMs = now - this.#startedMs
    if (this.#endedMs === undefined && elapsedMs >= this.#plan.durationMs) return this.stop()
    if (this.#endedMs !== undefined) return this.#finishOrWait(now)
    const waitMs = this.#plan.rate === undefined ? this.#sendAll(now, elapsedMs) : this.#sendDue(now)
    this.#timer = setTimeout(() => this.#pump(), Math.min(waitMs, Math.max(0, this.#plan.durationMs - elapsedMs)))
  }

  /** Opens connections as the ramp goes. */
  #openUpTo(elapsedMs: number): void {
    const { connections, rampMs } = this.#plan
    const wanted = Math.max(1, Math.floor(connections * (rampMs === 0 ? 1 : Math.min(1, elapsedMs / rampMs))))
    while (this.#clients.length < wanted) this.#open()
  }

  #open(): void {
    const idle = (client: LoadClient): void => {
      if (!this.#idle.includes(client)) this.#idle.push(client)
      this.#pumpSoon()
    }
    this.#clients.push(
      this.#make(idle, (outcome) => {
        this.#counter.add(outcome)
        if (this.#endedMs !== undefined) this.#pumpSoon()
      }),
    )
  }

  #sendAll(now: number, elapsedMs: number): number {
    this.#openUpTo(elapsedMs)
    for (let client = this.#idle.pop(); client !== undefined; client = this.#idle.pop()) this.#send(client, now)
    return 20
  }

  /** Sends what is due, over a new connection where all are busy and there may be one more; gives the time until the next is due. */
  #sendDue(now: number): number {
    for (;;) {
      const dueMs = this.#startedMs + this.#dueAt(this.#sent)
      if (dueMs > now) return dueMs - now
      if (this.#idle.length === 0 && this.#clients.length < this.#plan.connections) this.#open()
      const client = this.#idle.pop()
      if (client === undefined) return 20
      this.#send(client, dueMs)
    }
  }

  #send(client: LoadClient, dueMs: number): void {
    // It may have lost its connection meanwhile; it comes back when it has a new one.
    if (client.idleSinceMs === undefined) return
    this.#sent++
    client.send(dueMs)
    if (client.isBusy) this.#idle = this.#idle.filter((other) => other !== client)
  }

  /** Requests due after so many milliseconds. */
  #due(ms: number): number {
    const { rate = 0, rampMs } = this.#plan
    const perMs = rate / 1000
    return ms < rampMs ? (perMs * ms * ms) / (2 * rampMs) : perMs * (ms - rampMs / 2)
  }

  /** When the request of this number is due: the inverse of it. */
  #dueAt(number: number): number {
    const { rate = 0, rampMs } = this.#plan
    const perMs = rate / 1000
    return number < (perMs * rampMs) / 2 ? Math.sqrt((2 * rampMs * number) / perMs) : number / perMs + rampMs / 2
  }

  #finishOrWait(now: number): void {
    if (now < this.#deadlineMs && this.#clients.some(({ isBusy }) => isBusy)) {
      this.#timer = setTimeout(() => this.#pump(), Math.min(50, this.#deadlineMs - now))
      return
    }
    for (const client of this.#clients) client.destroy()
    this.#resolve(this.figures())
  }
}
