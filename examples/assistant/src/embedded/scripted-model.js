// What the scripted model says, whatever the protocol: text, tool calls, reasoning, token counts.
import { withoutMarkers } from './markers.js'

/**
 * Decides one turn. Markers: `[[say:text]]`, `[[words:n]]`, `[[tool:name {json}]]` (one per round, in order; all at once
 * with `[[parallel]]`), `[[reasoning]]` or `[[thinking]]`, `[[length]]` (stopped by the token limit), `[[refuse]]`,
 * `[[usage:input,output,cached,cacheWrite,reasoning]]`, `[[nousage]]`.
 *
 * @param {import('./scripted-model.js').Situation} situation
 * @returns {import('./scripted-model.js').Turn}
 */
export function planTurn({ markers, prompt, context, round, toolResults, tools, toolsRequired = false, schema }) {
  const calls = planCalls(markers, round, tools, toolsRequired)
  const text = calls.length > 0 ? '' : planText({ markers, prompt, toolResults, schema })
  const reasoning = markers.has('reasoning') || markers.has('thinking') ? `Let me think about this. ${text}`.trim() : ''
  const stop = calls.length > 0 ? 'tools' : markers.has('length') ? 'length' : markers.has('refuse') ? 'refusal' : 'end'
  return { text, calls, reasoning, stop, usage: planUsage(markers, context, text, calls, reasoning) }
}

/**
 * A text cut into the pieces a model would stream: words with the space before them.
 * @param {string} text
 * @returns {string[]}
 */
export const pieces = (text) => text.match(/\s*\S+|\s+$/g) ?? []

/**
 * Tool arguments cut into short fragments, never at a JSON boundary on purpose.
 * @param {string} json
 * @returns {string[]}
 */
export const fragments = (json) => json.match(/.{1,7}/gsu) ?? []

/**
 * The tokens of a text: a quarter of its characters, as the providers' own rule of thumb has it.
 * @param {unknown} value
 */
export const countTokens = (value) => Math.max(1, Math.ceil((typeof value === 'string' ? value : JSON.stringify(value ?? '')).length / 4))

// A model calls only what it was offered.
function planCalls(markers, round, tools, toolsRequired) {
  if (tools.length === 0) return []
  const scripted = markers.all('tool').map(parseCall)
  if (markers.has('parallel')) return round === 0 ? scripted : []
  if (scripted.length > 0) return scripted.slice(round, round + 1)
  const [first] = tools
  return toolsRequired && first && round === 0 ? [{ name: first.name, arguments: JSON.stringify(exampleOf(first.schema)) }] : []
}

function parseCall(argument) {
  const [, name, json] = /^\s*([\w.-]+)\s*(.*)$/s.exec(argument) ?? [undefined, argument, '']
  return { name, arguments: json || '{}' }
}

const WORDS = 'the order left our warehouse this morning and should arrive within two working days unless the weather changes'.split(' ')

function planText({ markers, prompt, toolResults, schema }) {
  const said = markers.text('say')
  if (said !== undefined) return said
  if (schema) return JSON.stringify(exampleOf(schema))
  const words = markers.number('words', 0)
  if (words > 0) return Array.from({ length: words }, (_, index) => WORDS[index % WORDS.length]).join(' ')
  if (toolResults.length > 0) return `Here is what I found: ${toolResults.join(' ').slice(0, 240)}`
  return `This is a scripted answer to: ${withoutMarkers(prompt).slice(0, 120)}`
}

function planUsage(markers, context, text, calls, reasoning) {
  if (markers.has('nousage')) return undefined
  const [input, output, cached = 0, cacheWrite = 0, reasoningTokens = 0] = (markers.text('usage') ?? '')
    .split(',')
    .filter(Boolean)
    .map(Number)
  return {
    input: input ?? countTokens(context),
    output: output ?? countTokens(text + JSON.stringify(calls) + reasoning),
    cached,
    cacheWrite,
    reasoning: reasoningTokens || (reasoning ? countTokens(reasoning) : 0),
  }
}

/** The smallest value that satisfies the usual part of a JSON schema. */
function exampleOf(schema) {
  if (schema?.const !== undefined) return schema.const
  if (schema?.enum) return schema.enum[0]
  if (schema?.anyOf) return exampleOf(schema.anyOf[0])
  const type = Array.isArray(schema?.type) ? schema.type[0] : schema?.type
  if (type === 'object') return Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, value]) => [name, exampleOf(value)]))
  if (type === 'array') return [exampleOf(schema.items)]
  return { string: 'example', number: 1, integer: 1, boolean: true }[type] ?? null
}
