import type { ScriptedServer, Timing } from './scripted-server.js'

export function startOpenAIServer(options?: Timing & { port?: number }): Promise<ScriptedServer>
