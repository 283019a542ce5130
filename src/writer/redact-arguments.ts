import type { Redactor } from '../semantics/redaction.ts'

/** A command line without its secrets; also those that stand behind their flag (`--password secret`). */
export function redactArguments(args: readonly string[], redactor: Redactor): string[] {
  return args.map((arg, i) => {
    const flag = /^--?([\w-]+)$/.exec(args[i - 1] ?? '')?.[1]
    return flag !== undefined && redactor.isSecretKey(flag) && !arg.startsWith('-') ? 'REDACTED' : redactor.redactText(arg)
  })
}
