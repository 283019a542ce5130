import { target } from '../core/integration.ts'
import type { Attributes, Outcome, SpanEnd, Target } from '../core/integration.ts'
import { aiStart, apiErrorEnd, endpointAttributes, rawResponseEnd } from './ai.ts'
import type { AiOperation, AiResource } from './ai.ts'
import { requestPayloads, samplingAttributes } from './ai-openai-request.ts'
import type { OpenAiBody } from './ai-openai-request.ts'
import type { chatStream } from './ai-openai.ts'

interface Shape {
  self: AiResource
  args: [body: OpenAiBody]
  result: object
}

/** Declares one method of an SDK that speaks OpenAI's protocol. */
export type OpenAiTarget = <R>(
  path: string,
  versions: string,
  operation: AiOperation,
  attributesOf: (body: OpenAiBody) => Attributes,
  endOf: (result: R) => SpanEnd | undefined,
  stream?: typeof chatStream,
) => Target<never>

/**
 * Targets of an SDK that Stainless made for OpenAI's protocol: they return its lazy promise; `parse()`, `stream()` and `runTools()`
 * of the SDK call these too. `provider` is the one behind a base URL that is not known.
 */
export function openAiTargets(provider: string): OpenAiTarget {
  return (path, versions, operation, attributesOf, endOf, stream) =>
    target<Shape>({
      path,
      versions,
      settles: 'lazy',
      start: ({ self, args: [body] }) =>
        aiStart(
          operation,
          body.model,
          { ...endpointAttributes(self, provider), ...samplingAttributes(body), ...attributesOf(body) },
          requestPayloads(body),
        ),
      end: (_, outcome) => end(outcome as Outcome<never>, endOf),
      ...(stream && { stream }),
    })
}

function end<R>(outcome: Outcome<R>, endOf: (result: R) => SpanEnd | undefined): SpanEnd | undefined {
  if (!outcome.ok) return apiErrorEnd(outcome.error)
  return outcome.result === undefined || outcome.result === null ? undefined : (rawResponseEnd(outcome.result) ?? endOf(outcome.result))
}
