import { nowNs } from './clock.ts'
import { seriesKey } from './metric-units.ts'
import type { Recorder } from './recorder.ts'

// Caches in memory are asked millions of times a second, so every operation is counted and few have a span: docs/decisions/caches.md.

/** Operations of one cache that get a span per second; hits get the half of it, misses and sets may take all. */
const SPANS_PER_SECOND = 1000
const KEPT_FOR_MISSES = SPANS_PER_SECOND / 2
const SECOND_NS = 1e9
/** Operations between two looks at the clock. */
const OPERATIONS_PER_CHECK = 64
/** Caches with a name of their own; further ones are counted together. */
const MAX_NAMES = 200

/** What was done with one cache, or with all of one name: counted, and handed to the writer about once a second. */
export class CacheMeter {
  readonly name: string
  readonly integration: string
  hits = 0
  misses = 0
  sets = 0
  deletes = 0
  evictions = 0
  /** Entries of the instance that was used last; -1: not known. */
  entries = -1
  maxEntries = -1
  private readonly recorder: Recorder
  private left = SPANS_PER_SECOND
  private untilCheck = OPERATIONS_PER_CHECK
  private startedNs: number

  constructor(name: string, integration: string, recorder: Recorder) {
    this.name = name
    this.integration = integration
    this.recorder = recorder
    this.startedNs = nowNs()
  }

  /** After every operation that was counted: hands the counts on when their second is over. */
  tick(): void {
    if (--this.untilCheck > 0) return
    this.untilCheck = OPERATIONS_PER_CHECK
    const now = nowNs()
    if (now - this.startedNs >= SECOND_NS) this.flush(now)
  }

  /** True while there is a span left for this second. */
  hasSpan(isHit: boolean): boolean {
    return this.left > (isHit ? KEPT_FOR_MISSES : 0)
  }

  takeSpan(): void {
    this.left--
    this.untilCheck = 1
  }

  flush(now: number): void {
    this.startedNs = now
    this.left = SPANS_PER_SECOND
    const values: Record<string, number> = {}
    const attributes = { cache: this.name, integration: this.integration }
    const add = (name: string, value: number): void => {
      if (value > 0) values[seriesKey(`perf.cache.${name}`, attributes)] = value
    }
    add('hits', this.hits)
    add('misses', this.misses)
    add('sets', this.sets)
    add('deletes', this.deletes)
    add('evictions', this.evictions)
    if (Object.keys(values).length === 0) return
    add('entries', this.entries)
    add('max_entries', this.maxEntries)
    this.hits = this.misses = this.sets = this.deletes = this.evictions = 0
    this.recorder.fact('metrics', { t: now, m: values })
  }
}

/** The caches of one thread, by name. */
class CacheMeters {
  private readonly meters = new Map<string, CacheMeter>()
  private readonly recorder: Recorder

  constructor(recorder: Recorder) {
    this.recorder = recorder
  }

  /** The meter of a cache; there is one per name and integration. */
  meter(name: string, integration: string): CacheMeter {
    const plain = name.replace(/[|=]/g, '_')
    const key = `${integration} ${this.meters.size < MAX_NAMES || this.meters.has(`${integration} ${plain}`) ? plain : 'others'}`
    let meter = this.meters.get(key)
    if (meter === undefined) this.meters.set(key, (meter = new CacheMeter(key.slice(integration.length + 1), integration, this.recorder)))
    return meter
  }

  /** Hands on what was not yet: when the thread ends. */
  flush(): void {
    const now = nowNs()
    for (const meter of this.meters.values()) meter.flush(now)
  }
}

const byRecorder = new WeakMap<Recorder, CacheMeters>()

/** The caches of the thread that `recorder` belongs to. */
export function cacheMeters(recorder: Recorder): CacheMeters {
  let meters = byRecorder.get(recorder)
  if (meters === undefined) byRecorder.set(recorder, (meters = new CacheMeters(recorder)))
  return meters
}
