declare const __AGENT_VERSION__: string | undefined

/** Version of this package, put in by the build. */
export function agentVersion(): string {
  return typeof __AGENT_VERSION__ === 'string' ? __AGENT_VERSION__ : '0.0.0'
}
