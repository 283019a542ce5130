import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { commandProcess } from '../live-process.ts'

/** `perf-agent profile --seconds 5`: a CPU profile of the next seconds of a running process, also while its event loop is blocked. */
export async function profile(_: undefined, options: CommonOptions & { seconds?: string; pid?: string; heap?: boolean }): Promise<void> {
  const seconds = Number(options.seconds ?? '5')
  if (!(seconds > 0 && seconds <= 600)) throw new UsageError(`--seconds needs a number above 0 and up to 600, not '${options.seconds}'.`)
  await commandProcess(options, { command: options.heap === true ? 'heap-sampling' : 'profile', seconds })
}
