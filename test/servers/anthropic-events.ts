// A message as the sequence of events the API streams.
import { fragments, pieces } from '../../examples/assistant/src/embedded/scripted-model.js'
import type { ServerEvent } from '../../examples/assistant/src/embedded/scripted-server.js'
import type { ContentBlock, Message } from './anthropic-types.ts'

/** From `message_start` to `message_stop`, with a `ping` after the first block has started, as the API does it. */
export function messageEvents(message: Message): ServerEvent[] {
  const started = { ...message, content: [], stop_reason: null, usage: { ...message.usage, output_tokens: 1 } }
  const { cache_creation: _, service_tier: __, ...usage } = message.usage
  const events: ({ type: string } & Record<string, unknown>)[] = [
    { type: 'message_start', message: started },
    ...message.content.flatMap(blockEvents),
    { type: 'message_delta', delta: { stop_reason: message.stop_reason, stop_sequence: null }, usage },
    { type: 'message_stop' },
  ]
  events.splice(2, 0, { type: 'ping' })
  return events.map((data) => ({ event: data.type, data }))
}

function blockEvents(block: ContentBlock, index: number) {
  const { empty, deltas } = openBlock(block)
  return [
    { type: 'content_block_start', index, content_block: empty },
    ...deltas.map((delta) => ({ type: 'content_block_delta', index, delta })),
    { type: 'content_block_stop', index },
  ]
}

function openBlock(block: ContentBlock): { empty: object; deltas: object[] } {
  switch (block.type) {
    case 'text':
      return { empty: { ...block, text: '' }, deltas: pieces(block.text).map((text) => ({ type: 'text_delta', text })) }
    case 'thinking':
      return {
        empty: { ...block, thinking: '', signature: '' },
        deltas: [
          ...pieces(block.thinking).map((thinking) => ({ type: 'thinking_delta', thinking })),
          { type: 'signature_delta', signature: block.signature },
        ],
      }
    case 'tool_use':
      // The first fragment is empty, and a call without arguments has no other.
      return {
        empty: { ...block, input: {} },
        deltas: ['', ...fragments(JSON.stringify(block.input))].map((json) => ({ type: 'input_json_delta', partial_json: json })),
      }
    case 'tool_result':
      return { empty: block, deltas: [] }
  }
}
