import { createRequire } from 'node:module'
import path from 'node:path'
import { createRedactor, parseRedactRules } from '../semantics/redaction.ts'
import type { Redactor } from '../semantics/redaction.ts'

/** The redactor that `PERF_REDACT` asks for, and one sentence for each part that could not be used; a module's path starts at `root`. */
export function loadRedactor(parts: readonly string[], root: string): { redactor: Redactor; problems: string[] } {
  const rules = parseRedactRules(parts)
  const problems = rules.problems.map((problem) => `PERF_REDACT: ${problem}; it is ignored.`)
  let redact: ((text: string, key: string) => unknown) | undefined
  if (rules.module !== undefined) {
    try {
      const file = path.resolve(root, rules.module)
      const loaded = createRequire(path.join(root, 'noop.js'))(file) as { redact?: unknown; default?: unknown }
      const found = typeof loaded.redact === 'function' ? loaded.redact : loaded.default
      if (typeof found === 'function') redact = found as (text: string, key: string) => unknown
      else problems.push(`PERF_REDACT: ${rules.module} exports no function \`redact\`; it is ignored.`)
    } catch (error) {
      problems.push(
        `PERF_REDACT: ${rules.module} could not be loaded (${error instanceof Error ? error.message.split('\n')[0] : String(error)}); it is ignored.`,
      )
    }
  }
  return {
    redactor: createRedactor({ names: rules.names, patterns: rules.patterns, ...(redact === undefined ? {} : { redact }) }),
    problems,
  }
}
