// The openai SDK in the major versions that run on Node 20, and what their tests share.
import { createRequire } from 'node:module'
import type OpenAI from 'openai'
import { requireFrom } from './install-package.ts'

export const OPENAI_MAJORS = ['4', '5', '6'] as const
export const MODEL = 'gpt-4o-mini'

/** A tool as JSON schema. */
export const LOOKUP = {
  name: 'lookup',
  description: 'Looks up an order.',
  parameters: { type: 'object', properties: { id: { type: 'number' } } },
}

/** The client class of a major version; 6 is the one in package.json. */
export function loadOpenAI(major: (typeof OPENAI_MAJORS)[number]): typeof OpenAI {
  const load = major === '6' ? createRequire(import.meta.url) : requireFrom('openai', major)
  return (load('openai') as { OpenAI: typeof OpenAI }).OpenAI
}

/** Everything a stream gives. */
export async function collect<T>(stream: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = []
  for await (const item of stream) items.push(item)
  return items
}
