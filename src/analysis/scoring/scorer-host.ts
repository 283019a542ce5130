// Runs in a process of its own: scorers of the user's module, one call at a time. Whatever they do, the report goes on.
import { pathToFileURL } from 'node:url'
import type { HostReply, HostRequest } from './module-scorers.ts'

type ScorerFunction = (call: unknown) => unknown

const [file = '', ...names] = process.argv.slice(2)
const send = (reply: HostReply): void => void process.send?.(reply)

/** Functions of the module by the name their scores get. */
const scorers = new Map<string, ScorerFunction>()

process.on('message', (request: HostRequest) => void answer(request))
process.on('disconnect', () => process.exit(0))
void load()

async function load(): Promise<void> {
  try {
    const module = (await import(pathToFileURL(file).href)) as Record<string, unknown>
    const inner = typeof module['default'] === 'object' && module['default'] !== null ? (module['default'] as Record<string, unknown>) : {}
    const base = (file.split(/[\\/]/).at(-1) ?? file).replace(/\.\w+$/, '')
    for (const [name, value] of Object.entries({ ...inner, ...module })) {
      if (typeof value !== 'function' || name === 'module.exports' || name === '__esModule') continue
      if (names.length === 0 || names.includes(name)) scorers.set(name === 'default' ? base : name, value as ScorerFunction)
    }
    const missing = names.filter((name) => typeof (module[name] ?? inner[name]) !== 'function')
    send(
      missing.length > 0
        ? { error: `it exports no function '${missing[0]}'` }
        : scorers.size === 0
          ? { error: 'it exports no function' }
          : { ready: [...scorers.keys()] },
    )
  } catch (error) {
    send({ error: sentence(error) })
  }
}

async function answer({ id, scorer, call }: HostRequest): Promise<void> {
  try {
    send({ id, ...judged(await scorers.get(scorer)?.(call)) })
  } catch (error) {
    send({ id, outcome: 'threw', reason: sentence(error) })
  }
}

function judged(result: unknown): { outcome: 'scored' | 'skipped' | 'invalid'; score?: number; reason?: string } {
  if (result === null || result === undefined) return { outcome: 'skipped', reason: 'the scorer gave nothing' }
  const { score, reason } =
    typeof result === 'object' ? (result as { score?: unknown; reason?: unknown }) : { score: result, reason: undefined }
  const said = typeof reason === 'string' ? { reason: reason.slice(0, 200) } : {}
  if (score === null || score === undefined) return { outcome: 'skipped', ...said }
  const number = typeof score === 'boolean' ? Number(score) : score
  return typeof number === 'number' && number >= 0 && number <= 1
    ? { outcome: 'scored', score: number, ...said }
    : { outcome: 'invalid', reason: `${String(score).slice(0, 40)} is not a number from 0 to 1` }
}

function sentence(error: unknown): string {
  return (error instanceof Error ? `${error.name}: ${error.message}` : String(error)).slice(0, 200)
}
