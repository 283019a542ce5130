// Local stand-ins for what the environment does not name. They run in a process of their own, so that a recording of
// the service shows the service alone.
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

const SERVICES = { openai: 'OPENAI_API_KEY', postgres: 'DATABASE_URL', catalogue: 'CATALOGUE_URL' }

/**
 * Starts the missing services; gives the variables that point to them and a way to stop them.
 * @param {NodeJS.ProcessEnv} env
 * @returns {Promise<{ env: Record<string, string>, stop(): void }>}
 */
export async function startEmbedded(env) {
  const missing = Object.keys(SERVICES).filter((name) => !env[SERVICES[name]])
  if (missing.length === 0) return { env: {}, stop() {} }
  const { NODE_OPTIONS: _, ...childEnv } = env
  const child = fork(fileURLToPath(new URL('services.js', import.meta.url)), missing, { execArgv: [], env: childEnv })
  const [started] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => Promise.reject(new Error(`The embedded services ended with code ${code}`))),
  ])
  child.unref()
  child.channel?.unref()
  return { env: started, stop: () => child.connected && child.disconnect() }
}
