import type { Markers } from './markers.js'

/** What the model sees of a conversation. */
export interface Situation {
  markers: Markers
  /** The last user message. */
  prompt: string
  /** Everything that counts as input tokens. */
  context: unknown
  /** How often tools were called since the last user message. */
  round: number
  toolResults: string[]
  tools: { name: string; schema?: unknown }[]
  toolsRequired?: boolean
  /** The JSON schema the answer must have. */
  schema?: unknown
}

/** What the model does with it. */
export interface Turn {
  text: string
  calls: { name: string; arguments: string }[]
  reasoning: string
  stop: 'end' | 'tools' | 'length' | 'refusal'
  usage: { input: number; output: number; cached: number; cacheWrite: number; reasoning: number } | undefined
}

export function planTurn(situation: Situation): Turn
export function pieces(text: string): string[]
export function fragments(json: string): string[]
export function countTokens(value: unknown): number
