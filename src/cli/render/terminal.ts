import colors from 'picocolors'

/** How to write for the terminal, or the file, behind standard output. */
export interface Terminal {
  /** Characters per line. */
  width: number
  /** Box characters and blocks may be used. */
  unicode: boolean
  paint: ReturnType<typeof colors.createColors>
}

/** Looks at the stream and the environment: plain ASCII without colour for pipes, dumb terminals and NO_COLOR. */
export function terminalOf(
  stream: { isTTY?: boolean; columns?: number } = process.stdout,
  environment: NodeJS.ProcessEnv = process.env,
): Terminal {
  const forced = environment['FORCE_COLOR'] !== undefined && environment['FORCE_COLOR'] !== '0'
  const plain = environment['TERM'] === 'dumb' || (environment['NO_COLOR'] ?? '') !== '' || (stream.isTTY !== true && !forced)
  const columns = stream.columns ?? (Number(environment['COLUMNS']) || 80)
  return { width: Math.max(40, Math.min(columns, 140)), unicode: !plain, paint: colors.createColors(!plain) }
}
