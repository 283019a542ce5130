// Compares recorded spans with expected ones: attributes are taken off one by one and nothing may be left over.
import { expect } from 'vitest'
import type { Integration } from '../../src/core/integration.ts'
import type { RecordedSpan } from './read-session.ts'

/** A value, a pattern for a text, or a claim about a value. */
export type ExpectedValue = string | number | boolean | readonly (string | number | boolean)[] | RegExp | ((value: unknown) => boolean)

export interface ExpectedSpan {
  name: string
  kind: RecordedSpan['kind']
  /** All of them; `undefined`: not looked at. */
  attributes: Record<string, ExpectedValue> | undefined
  /** Attributes that may be there or not. */
  optional?: readonly string[]
  /** Default `unset`. */
  status?: RecordedSpan['status']
  /** Default the integration's kind and name. */
  layer?: string
  integration?: string
  /** Roles, in order. Default none. */
  payloads?: readonly string[]
  /** Default none; `undefined`: not looked at. */
  children?: ExpectedSpan[] | undefined
}

/** The spans below the only span called `parentName` must be `expected`, in order of their start. */
export function expectSpans(spans: RecordedSpan[], parentName: string, expected: ExpectedSpan[], definition: Integration): void {
  const parents = spans.filter((span) => span.name === parentName)
  expect(parents.map((span) => span.name)).toEqual([parentName])
  expectChildren(spans, parents[0], expected, definition, parentName)
}

/** Direct children in order of their start. */
export function childrenOf(spans: RecordedSpan[], parent: RecordedSpan | undefined): RecordedSpan[] {
  return parent === undefined ? [] : spans.filter((span) => span.parentId === parent.spanId && span.traceId === parent.traceId)
}

function expectChildren(
  spans: RecordedSpan[],
  parent: RecordedSpan | undefined,
  expected: ExpectedSpan[],
  definition: Integration,
  place: string,
): void {
  const actual = childrenOf(spans, parent)
  expect(
    actual.map((span) => span.name),
    `spans below ${place}`,
  ).toEqual(expected.map((span) => span.name))
  expected.forEach((wanted, i) => {
    const span = actual[i]
    const at = `${place} > ${wanted.name}`
    if (span === undefined) return
    expectSpan(span, wanted, definition, at)
    if (!('children' in wanted) || wanted.children !== undefined) expectChildren(spans, span, wanted.children ?? [], definition, at)
  })
}

function expectSpan(span: RecordedSpan, wanted: ExpectedSpan, definition: Integration, place: string): void {
  const { kind, status, layer, integration, open } = span
  expect({ kind, status, layer, integration, open }, place).toEqual({
    kind: wanted.kind,
    status: wanted.status ?? 'unset',
    layer: wanted.layer ?? definition.kind,
    integration: wanted.integration ?? definition.name,
    open: false,
  })
  expect(span.durationMs, `duration of ${place}`).toBeGreaterThanOrEqual(0)
  expect(
    span.payloads.map(({ role }) => role),
    `payloads of ${place}`,
  ).toEqual(wanted.payloads ?? [])
  if (wanted.attributes === undefined) return
  const left: Record<string, unknown> = { ...span.attributes }
  for (const [name, value] of Object.entries(wanted.attributes)) {
    expectValue(left[name], value, `${name} of ${place}`)
    delete left[name]
  }
  for (const name of wanted.optional ?? []) delete left[name]
  expect(left, `attributes of ${place} that were not expected`).toEqual({})
}

function expectValue(actual: unknown, wanted: ExpectedValue, place: string): void {
  if (wanted instanceof RegExp) expect(String(actual), place).toMatch(wanted)
  else if (typeof wanted === 'function') expect(wanted(actual), `${place}: ${JSON.stringify(actual)}`).toBe(true)
  else expect(actual, place).toEqual(wanted)
}
