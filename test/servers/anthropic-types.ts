// The part of Anthropic's message format that the scripted server reads and writes.
export type ContentBlock =
  | { type: 'text'; text: string; citations?: null }
  | { type: 'thinking'; thinking: string; signature: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown }
  | { type: 'tool_result'; tool_use_id: string; content?: unknown }

export interface MessagesRequest {
  model: string
  messages: { role: 'user' | 'assistant'; content: string | ContentBlock[] }[]
  stream?: boolean
  system?: unknown
  tools?: { name: string; input_schema?: unknown }[]
  tool_choice?: { type: string }
  thinking?: { type: string }
  output_config?: { format?: { schema?: unknown } }
  output_format?: { schema?: unknown }
}

export interface Message {
  id: string
  type: 'message'
  role: 'assistant'
  model: string
  content: ContentBlock[]
  stop_reason: string | null
  stop_sequence: null
  usage: {
    input_tokens: number
    cache_creation_input_tokens: number
    cache_read_input_tokens: number
    cache_creation: { ephemeral_5m_input_tokens: number; ephemeral_1h_input_tokens: number }
    output_tokens: number
    service_tier: 'standard'
  }
}
