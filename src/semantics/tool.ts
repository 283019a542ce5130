import type { Attributes, SpanEnd, SpanStart } from '../core/integration.ts'

/** What a framework knows of one call of a tool. */
export interface ToolCallFacts {
  name: string
  args: unknown
  callId?: unknown
  attributes?: Attributes
}

/** The start of a tool's span: `execute_tool search`. */
export function toolStart({ name, args, callId, attributes }: ToolCallFacts): SpanStart {
  return {
    name: `execute_tool ${name}`,
    layer: 'tool',
    attributes: {
      'gen_ai.operation.name': 'execute_tool',
      'gen_ai.tool.name': name,
      'gen_ai.tool.type': 'function',
      'gen_ai.tool.call.id': typeof callId === 'string' ? callId : undefined,
      ...attributes,
    },
    payloads: args === undefined ? [] : [{ role: 'tool.arguments', value: args }],
  }
}

/** The end of a tool's call that gave `result`. */
export function toolEnd(result: unknown): SpanEnd | undefined {
  return result === undefined ? undefined : { payloads: [{ role: 'tool.result', value: result }] }
}
