import type { CodeVariant, HandApi } from '../core/hand-api.ts'
import type { Attributes } from '../core/integration.ts'

/** A measured sample as a span: open while the calls run, which are inside of it. */
export interface SampleSpan {
  run<T>(fn: () => T): T
  end(error?: unknown): void
}

const agent = (globalThis as { [key: symbol]: { api?: HandApi } | undefined })[Symbol.for('perf.agent.v1')]?.api

/** Whether the agent is loaded, so that samples become spans. */
export const isRecorded = agent !== undefined

/** Opens a span of layer `function`, or `workflow` for asynchronous code; undefined when the agent is not loaded. */
export function startSample(
  name: string,
  isAsync: boolean,
  attributes: Attributes,
  variant: CodeVariant | undefined,
): SampleSpan | undefined {
  return agent?.open(name, isAsync ? 'workflow' : 'function', attributes, variant)
}
