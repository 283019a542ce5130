import path from 'node:path'

/** True when `text` names the agent whose files are in `agentFolder`. */
export function namesAgent(text: string, agentFolder: string): boolean {
  return text.includes('@perf/agent') || text.includes(agentFolder) || text.includes(encodeURI(agentFolder))
}

/** Whether nothing else was preloaded in this thread before the agent: Node takes `--require` before `--import`, NODE_OPTIONS before the command line. */
export function isFirstPreload(bootFile: string): boolean {
  const required: string[] = []
  const imported: string[] = []
  const args = [...(process.env['NODE_OPTIONS'] ?? '').split(/\s+/), ...process.execArgv]
  for (let i = 0; i < args.length; i++) {
    const [, flag, value] = /^(--require|-r|--import)(?:=(.*))?$/.exec(args[i] ?? '') ?? []
    if (flag === undefined) continue
    ;(flag === '--import' ? imported : required).push(value ?? args[++i] ?? '')
  }
  const [first] = [...required, ...imported]
  return first !== undefined && namesAgent(first, path.dirname(bootFile))
}
