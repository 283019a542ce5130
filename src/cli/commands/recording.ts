import { UsageError } from '../../errors.ts'
import type { CommonOptions } from '../command.ts'
import { commandProcess } from '../live-process.ts'

/** `perf-agent recording on|off`: whether a running process records spans from now on. */
export async function recording(state: string, options: CommonOptions & { pid?: string }): Promise<void> {
  if (state !== 'on' && state !== 'off') throw new UsageError(`'${state}' is neither 'on' nor 'off'.`)
  await commandProcess(options, { command: 'recording', on: state === 'on' })
}
