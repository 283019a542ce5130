import { UsageError } from '../errors.ts'

/**
 * Passes signals on to a child; gives what ends that. The terminal sends Ctrl-C to the whole group: the program gets it without our help, we only
 * have to outlive it.
 */
export function forwardSignals(send: (signal: NodeJS.Signals) => void): () => void {
  const ignore = (): void => {}
  const forward = (signal: NodeJS.Signals): void => send(signal)
  const forwarded: NodeJS.Signals[] = ['SIGTERM', 'SIGHUP', 'SIGUSR2']
  const terminalSignals: NodeJS.Signals[] = ['SIGINT', 'SIGQUIT']
  for (const signal of forwarded) process.on(signal, forward)
  for (const signal of terminalSignals) process.on(signal, process.stdin.isTTY ? ignore : forward)
  return () => {
    for (const signal of forwarded) process.off(signal, forward)
    for (const signal of terminalSignals) process.off(signal, ignore).off(signal, forward)
  }
}

/** The error of a child that could not be started, as a sentence. */
export function notStarted(program: string, error: NodeJS.ErrnoException): Error {
  if (error.code === 'ENOENT') return new UsageError(`There is no program '${program}' to run; a script is run as: perf-agent run app.js.`)
  if (error.code === 'EACCES') return new UsageError(`'${program}' cannot be executed; run a script as: perf-agent run node ${program}.`)
  return error
}
