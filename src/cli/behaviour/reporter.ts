import { readFileSync } from 'node:fs'
import path from 'node:path'

/** A command that also writes its results into a file. */
interface Reporting {
  command: string[]
  file: string
  framework: string
}

/**
 * vitest and jest list files, not tests, unless they are asked: their own JSON reporter is added where the command is one of them, or a script
 * of package.json that is nothing but one of them. Undefined for every other command, and where it chooses its reporters itself.
 */
export function withReporter(command: readonly string[], file: string): Reporting | undefined {
  const direct = runnerOf(command)
  if (direct !== undefined) return reporting(command, [], direct, file)
  const [program = '', ...args] = command
  const script = /^(npm|pnpm|yarn)$/.test(program) ? scriptOf(args) : undefined
  const words = script === undefined || /[&|;<>$`"'\\\n]/.test(script) ? undefined : script.trim().split(/\s+/)
  const runner = words === undefined ? undefined : runnerOf(words)
  if (words === undefined || runner === undefined || choosesReporter(words)) return undefined
  return reporting(command, program === 'npm' && !args.includes('--') ? ['--'] : [], runner, file)
}

type Runner = 'vitest' | 'jest'

/** The runner that the words of a command start. */
function runnerOf(words: readonly string[]): Runner | undefined {
  const own = words[0] === 'npx' ? words.slice(1) : words
  const name = path.basename(own[0] ?? '')
  return name === 'vitest' || name === 'jest' ? name : undefined
}

function reporting(command: readonly string[], separator: string[], runner: Runner, file: string): Reporting | undefined {
  if (choosesReporter(command)) return undefined
  const added =
    runner === 'vitest' ? ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`] : ['--json', `--outputFile=${file}`]
  return { command: [...command, ...separator, ...added], file, framework: runner }
}

const choosesReporter = (words: readonly string[]): boolean =>
  words.some((word) => /^--(reporters?|outputFile|json|watch|ui|help|version)\b/.test(word)) || words.includes('watch')

/** The script of package.json that `npm test`, `npm run x`, `yarn x` would run; one with a `pre` or `post` script is left alone. */
function scriptOf(args: readonly string[]): string | undefined {
  const [first = '', second = ''] = args.filter((arg) => !arg.startsWith('-'))
  const name = first === 'run' || first === 'run-script' ? second : first === 't' ? 'test' : first
  try {
    const { scripts = {} } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts?: Record<string, string> }
    return scripts[`pre${name}`] === undefined && scripts[`post${name}`] === undefined ? scripts[name] : undefined
  } catch {
    return undefined
  }
}
