#!/usr/bin/env node
import { CommanderError } from 'commander'
import { PerfError } from '../errors.ts'
import { program } from './program.ts'

// A reader such as `head` that closes the pipe early ends the command without a word.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))
// Nobody reads what is said on the way (a closed terminal, `2>&1 | head`): no reason to leave what is under way half done.
process.stderr.on('error', () => {})

const wantsJson = process.argv.includes('--json') && process.argv[2] !== 'run'
try {
  if (process.argv.length <= 2) program.outputHelp()
  else await program.parseAsync(process.argv)
} catch (error) {
  process.exitCode = fail(error)
}

function fail(error: unknown): number {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return 0
    return say(
      'USAGE',
      `${error.message.replace(/^error: /, '').replace(/\s*\n\s*/g, ' ')}. See: perf-agent ${program.commands.some((entry) => entry.name() === process.argv[2]) ? `${process.argv[2]} ` : ''}--help`,
      2,
    )
  }
  if (error instanceof PerfError) return say(error.code, error.message, error.exitCode)
  if (process.env['PERF_LOG'] === 'debug') console.error(error)
  return say('INTERNAL', `${error instanceof Error ? error.message : String(error)} (PERF_LOG=debug shows where)`, 2)
}

function say(code: string, message: string, exitCode: number): number {
  if (wantsJson) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  process.stderr.write(`perf-agent: ${message}\n`)
  return exitCode
}
