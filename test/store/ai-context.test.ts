// To which conversation a call belongs: each way by which it is known, and that none is made up.
import { describe, expect, it } from 'vitest'
import { recordingOf, type Node } from '../support/recording.ts'

const ID = 'gen_ai.conversation.id'
const RESPONSE = 'gen_ai.response.id'
const node = (name: string, layer: string, attributes: Node['attributes'] = {}, children: readonly Node[] = [], ms: Node['ms'] = [0, 10]): Node => ({
  name, layer, ms, attributes, children, kind: 'internal',
}) // prettier-ignore
const chat = (name: string, attributes: Node['attributes'] = {}, messages?: readonly string[]): Node => ({
  ...node(name, 'ai', { 'gen_ai.operation.name': 'chat', ...attributes }, [], [1, 5]), ...(messages === undefined ? {} : { payloads: { 'gen_ai.input.messages': messages } }),
}) // prettier-ignore
const request = (...children: Node[]): Node => node('GET /', 'http', {}, children)

const resolved = async (...traces: Node[]): Promise<Record<string, (string | null)[]>> => {
  const reader = await recordingOf(traces)
  const rows = await reader.rows<{ name: string; conversation: string | null; source: string | null; agent: string | null }>(
    `SELECT name, conversation, conversation_source AS source, agent FROM ai_calls UNION ALL SELECT name, conversation, NULL, agent FROM tool_calls`,
  )
  return Object.fromEntries(rows.map(({ name, conversation, source, agent }) => [name, [conversation, source, agent]]))
}

describe('the conversation of a call', () => {
  it('is its own id before that around it, and that around it before that of its trace', async () => {
    expect(
      await resolved(
        node('run', 'workflow', { [ID]: 'outer' }, [chat('own', { [ID]: 'mine' }), node('inner', 'workflow', { [ID]: 'inner' }, [node('deep', 'step', {}, [chat('below')])]), node('lookup', 'tool')]),
        request(node('auth', 'function', { [ID]: 'of the trace' }), node('handler', 'function', {}, [chat('beside')])),
        request(chat('alone')),
      ), // prettier-ignore
    ).toEqual({
      own: ['mine', 'recorded', null], below: ['inner', 'inherited', null], lookup: ['outer', null, null], beside: ['of the trace', 'inherited', null], alone: [null, null, null],
    }) // prettier-ignore
  })

  it('is that of the first response of a chain, also where that was given elsewhere', async () => {
    expect(
      await resolved(
        request(chat('first', { [RESPONSE]: 'resp_1' })),
        request(chat('second', { [RESPONSE]: 'resp_2', [ID]: 'resp_1' }), node('search', 'tool')),
        request(chat('third', { [RESPONSE]: 'resp_3', [ID]: 'resp_2' })),
        request(chat('fourth', { [ID]: 'resp_3' })),
        request(chat('of another process', { [RESPONSE]: 'resp_9', [ID]: 'resp_8' })),
        request(chat('its next', { [ID]: 'resp_9' })),
        node('thread', 'workflow', { [ID]: 'given' }, [chat('said by the app', { [ID]: 'resp_3' })]),
        request(chat('no part of it', { [RESPONSE]: 'resp_20' })),
      ),
    ).toEqual({
      first: ['resp_1', 'chain', null], second: ['resp_1', 'chain', null], search: ['resp_1', null, null], third: ['resp_1', 'chain', null], fourth: ['resp_1', 'chain', null],
      'of another process': ['resp_8', 'chain', null], 'its next': ['resp_8', 'chain', null], 'said by the app': ['given', 'inherited', null], 'no part of it': [null, null, null],
    }) // prettier-ignore
  })

  it('is the session of the user where nothing better is known', async () => {
    const server = (children: Node[]): Node => ({ ...request(...children), attributes: { 'session.id': 'user-7' }, kind: 'server' })
    expect(await resolved(server([chat('one')]), server([chat('two', { [ID]: 'better' })]))).toEqual({
      one: ['user-7', 'session', null],
      two: ['better', 'recorded', null],
    })
  })

  it('is found by what the prompt repeats, and kept apart for chats that begin alike', async () => {
    const found = await resolved(
      request(chat('a1', {}, ['be kind', 'hello'])),
      request(chat('b1', {}, ['be kind', 'hello'])),
      request(chat('a2', {}, ['be kind', 'hello', 'answer A', 'and now?'])),
      request(chat('b2', {}, ['be kind', 'hello', 'answer B', 'and now?']), node('search', 'tool')),
      request(chat('a3', {}, ['be kind', 'hello', 'answer A', 'and now?', 'more', 'thanks'])),
      request(chat('other', {}, ['be kind', 'good morning'])),
    )
    const [a, b] = [found['a1']?.[0], found['b1']?.[0]]
    expect(a).toMatch(/^chat-[0-9a-f]{16}$/)
    expect(b).toMatch(/^chat-/)
    expect(a).not.toBe(b)
    expect(found).toEqual({
      a1: [a, 'inferred', null], a2: [a, 'inferred', null], a3: [a, 'inferred', null], b1: [b, 'inferred', null], b2: [b, 'inferred', null], search: [b, null, null], other: [null, null, null],
    }) // prettier-ignore
  })
})

describe('the agent of a call', () => {
  it('is the nearest around it', async () => {
    const agent = (name: string, ...children: Node[]): Node =>
      node(`invoke_agent ${name}`, 'workflow', { 'gen_ai.agent.name': name }, children)
    expect(await resolved(request(agent('clerk', chat('asks'), node('look', 'tool', {}, [agent('expert', chat('answers'))])), chat('without')))).toEqual({
      asks: [null, null, 'clerk'], look: [null, null, 'clerk'], answers: [null, null, 'expert'], without: [null, null, null],
    }) // prettier-ignore
  })
})
