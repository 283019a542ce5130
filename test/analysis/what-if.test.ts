import { describe, expect, it } from 'vitest'
import { criticalPath, type TimedSpan } from '../../src/analysis/critical-path.ts'
import { replay, whatIf } from '../../src/analysis/what-if.ts'
import { runCli } from '../support/cli.ts'
import { seeded } from '../support/generate-session.ts'
import { recordingOf } from '../support/recording.ts'

/** A program in a clock of its own: what runs in sequence, what side by side, what takes how long. */
type Program = { kind: 'work'; name: string; ms: number } | { kind: 'series' | 'parallel'; name: string; parts: Program[]; gap: number }

/** Runs a program from a moment on, writes its spans, gives the moment of its end. */
function simulate(program: Program, at: number, parent: string | null, spans: TimedSpan[], delays: ReadonlyMap<string, number>): number {
  const span: TimedSpan = {
    span_id: String(spans.length + 1),
    parent_id: parent,
    name: program.name,
    layer: 'tool',
    start_ms: at,
    end_ms: at,
  }
  spans.push(span)
  if (program.kind === 'work') span.end_ms = at + (delays.get(program.name) ?? program.ms)
  else if (program.kind === 'series') {
    let now = at
    for (const part of program.parts) now = simulate(part, now + program.gap, span.span_id, spans, delays)
    span.end_ms = now + program.gap
  } else {
    const ends = program.parts.map((part) => simulate(part, at + program.gap, span.span_id, spans, delays))
    span.end_ms = Math.max(at, ...ends) + program.gap
  }
  return span.end_ms
}

function randomProgram(random: () => number, depth: number): Program {
  const name = `f${Math.floor(random() * 6)}`
  if (depth === 0 || random() < 0.3) return { kind: 'work', name, ms: 5 + random() * 95 }
  const parts = Array.from({ length: 1 + Math.floor(random() * 4) }, () => randomProgram(random, depth - 1))
  return { kind: random() < 0.5 ? 'series' : 'parallel', name: `group ${name}`, parts, gap: random() * 3 }
}

const run = (program: Program, delays = new Map<string, number>()): TimedSpan[] => {
  const spans: TimedSpan[] = []
  simulate(program, 100, null, spans, delays)
  return spans
}
const length = (spans: TimedSpan[]): number => (spans[0]?.end_ms ?? 0) - (spans[0]?.start_ms ?? 0)

describe('what-if', () => {
  it('replays what was recorded exactly when nothing changes', () => {
    const random = seeded(11)
    for (let i = 0; i < 300; i++) {
      const spans = run(randomProgram(random, 4))
      expect(replay(spans, () => undefined)).toBeCloseTo(length(spans), 6)
    }
  })

  it('is within 10 % of programs whose delays are then really changed', () => {
    const random = seeded(12)
    const errors: number[] = []
    for (let i = 0; i < 500; i++) {
      const program = randomProgram(random, 4)
      const name = `f${Math.floor(random() * 6)}`
      const spans = run(program)
      if (!spans.some((span) => span.name === name)) continue
      const ms = random() * 150
      const really = length(run(program, new Map([[name, ms]])))
      errors.push(Math.abs(replay(spans, (span) => (span.name === name ? ms : undefined)) / really - 1))
    }
    expect(errors.length).toBeGreaterThan(100)
    // A chain that ran beside another by chance looks like one that waited for it: not every program is told apart.
    expect(errors.filter((error) => error <= 0.1).length / errors.length).toBeGreaterThanOrEqual(0.95)
  })

  it('answers for the traces of a session', async () => {
    const reader = await recordingOf(
      Array.from({ length: 20 }, (_, i) => ({
        name: 'POST /ask', layer: 'http', ms: [0, 130 + i] as const,
        children: [{ name: 'search', layer: 'tool', ms: [10, 110 + i] as const }, { name: 'GET', layer: 'cache', ms: [112 + i, 120 + i] as const }],
      })),
    ) // prettier-ignore
    const answer = await whatIf(reader, `name = 'search'`, (ms) => ms / 2)
    expect(answer).toMatchObject({ spans: 20, touched: 20, replay_error: 0 })
    expect(answer.rows).toHaveLength(1)
    expect(answer.rows[0]?.p50_ms).toBeCloseTo(139.5, 6)
    expect(answer.rows[0]?.new_p50_ms).toBeCloseTo(139.5 - 109.5 / 2, 6)
  })

  it.each([
    [['search'], /Name the spans and the change/],
    [['search', '-150%'], /at most -100%/],
    [['search', '50%'], /Say -50% or \+50%/],
    [['search', 'fast'], /'fast' is not a change/],
  ])('refuses %j in one sentence', async (words, message) => {
    expect(await runCli(['what-if', ...words])).toMatchObject({ code: 2, stdout: '', stderr: expect.stringMatching(message) })
  })
})

describe('the critical path', () => {
  it('is without holes from the first to the last moment of the trace', () => {
    const random = seeded(13)
    for (let i = 0; i < 300; i++) {
      const spans = run(randomProgram(random, 4))
      const path = criticalPath(spans)
      expect(path.reduce((sum, segment) => sum + segment.end_ms - segment.start_ms, 0)).toBeCloseTo(length(spans), 6)
      path.slice(1).forEach((segment, at) => expect(segment.start_ms).toBe(path[at]?.end_ms))
    }
  })

  it('follows the slower of two branches and leaves out what nobody waited for', () => {
    const span = (span_id: string, parent_id: string | null, start_ms: number, end_ms: number): TimedSpan => ({
      span_id, parent_id, name: span_id, layer: 'tool', start_ms, end_ms,
    }) // prettier-ignore
    const path = criticalPath([
      span('root', null, 0, 100),
      span('fast', 'root', 10, 40),
      span('slow', 'root', 10, 90),
      span('inside', 'slow', 20, 70),
      span('logging', 'root', 30, 400),
    ])
    expect(path.map(({ name, start_ms, end_ms }) => [name, start_ms, end_ms])).toEqual([
      ['root', 0, 10],
      ['slow', 10, 20],
      ['inside', 20, 70],
      ['slow', 70, 90],
      ['root', 90, 100],
    ])
  })
})
