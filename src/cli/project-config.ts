import { readFileSync } from 'node:fs'
import path from 'node:path'
import { Ajv2020, type ErrorObject } from 'ajv/dist/2020.js'
import { parse, printParseErrorCode, type ParseError } from 'jsonc-parser'
import { DEFAULT_THRESHOLDS } from '../analysis/audit/default-thresholds.ts'
import type { Threshold } from '../analysis/audit/threshold.ts'
import type { ProjectConfig } from '../config.ts'
import { PerfError } from '../errors.ts'
import { projectConfigSchema } from './project-config-schema.ts'

/** What stands in perf.config.json, checked against its schema. */
export interface CheckedConfig extends Pick<ProjectConfig, 'prices'> {
  thresholds?: Threshold[]
  defaults?: boolean
  settings?: Record<string, unknown>
}

/** The file as it was read. */
export interface ConfigFile {
  /** Absolute path. */
  path: string
  /** As written; undefined where there is no file. */
  text: string | undefined
  config: CheckedConfig
}

/** A perf.config.json that cannot be used. */
export class ConfigFileError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('CONFIG_FILE', message, 2, options)
  }
}

/** Reads and checks perf.config.json of the working directory, or the file that is named. Throws `ConfigFileError` with the JSON path. */
export function readConfigFile(named?: string): ConfigFile {
  const file = path.resolve(named ?? 'perf.config.json')
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' && named === undefined) return { path: file, text: undefined, config: {} }
    throw new ConfigFileError(`${shown(file)} cannot be read (${code ?? 'unknown error'}).`, { cause: error })
  }
  return { path: file, text, config: checkConfig(text, shown(file)) }
}

/** The thresholds that hold, and for each its place in the file's list; the built-in ones have none. */
export function thresholdsOf({ thresholds = [], defaults }: CheckedConfig): { thresholds: Threshold[]; isOwn: boolean[] } {
  const builtIn = (defaults ?? thresholds.length === 0) ? DEFAULT_THRESHOLDS : []
  return { thresholds: [...thresholds, ...builtIn], isOwn: [...thresholds.map(() => true), ...builtIn.map(() => false)] }
}

/** Checks the text of a perf.config.json; `name` stands in the sentence of the `ConfigFileError`. */
export function checkConfig(text: string, name: string): CheckedConfig {
  const problems: ParseError[] = []
  const value: unknown = parse(text, problems, { disallowComments: true, allowTrailingComma: false })
  const [problem] = problems
  if (problem !== undefined) {
    const before = text.slice(0, problem.offset).split('\n')
    const what = printParseErrorCode(problem.error).replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase() // prettier-ignore
    throw new ConfigFileError(`${name} is not JSON: ${what} in line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}.`)
  }
  const validate = new Ajv2020({ allErrors: true, verbose: true, strict: false }).compile<CheckedConfig>(projectConfigSchema)
  if (validate(value)) return value
  throw new ConfigFileError(`${name}: ${sentence(mostTelling(validate.errors ?? []))}`)
}

/** Errors of the branches of `oneOf` and `if` say less than those of the values themselves. */
function mostTelling(errors: readonly ErrorObject[]): ErrorObject | undefined {
  const weight = ({ keyword, schemaPath }: ErrorObject): number =>
    keyword === 'additionalProperties' ? 0 : keyword === 'oneOf' ? 2 : keyword === 'if' || /\/oneOf\//.test(schemaPath) ? 3 : 1
  return errors.toSorted((a, b) => weight(a) - weight(b))[0]
}

function sentence(error: ErrorObject | undefined): string {
  if (error === undefined) return 'it cannot be used.'
  const at = jsonPath(error.instancePath)
  const { keyword, params, parentSchema, data } = error as ErrorObject<string, Record<string, unknown>>
  const given = short(data)
  switch (keyword) {
    case 'additionalProperties': {
      const known = Object.keys((parentSchema?.['properties'] ?? {}) as object)
      return `${jsonPath(`${error.instancePath}/${String(params['additionalProperty'])}`)} is not known; there are ${known.join(', ')}.`
    }
    case 'enum':
      return `${at} must be one of ${(params['allowedValues'] as string[]).join(', ')}, not ${given}.`
    case 'type':
      return `${at} must be ${article(String(params['type']))}, not ${given}.`
    case 'required':
      return `${at} needs ${String(params['missingProperty'])}.`
    case 'minimum':
      return `${at} must be ${String(params['limit'])} or more, not ${given}.`
    case 'minLength':
      return `${at} must not be empty.`
    case 'oneOf': {
      const names = (error.schema as { required: string[] }[]).flatMap(({ required }) => required)
      return `${at} needs exactly one of ${names.join(' and ')}.`
    }
    case 'false schema': {
      const [parent, name] = [error.instancePath.split('/').slice(0, -1).join('/'), error.instancePath.split('/').at(-1)]
      return `${jsonPath(parent)}.${name} has no meaning with its ${/allOf\/2\//.test(error.schemaPath) ? 'sql' : 'metric'}.`
    }
    default:
      return `${at} ${error.message ?? 'cannot be used'}.`
  }
}

const article = (type: string): string => (/^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`)

function short(value: unknown): string {
  const text = JSON.stringify(value) ?? 'nothing'
  return text.length > 60 ? `${text.slice(0, 59)}…` : text
}

/** `/thresholds/2/max` as `thresholds[2].max`. */
function jsonPath(pointer: string): string {
  const parts = pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~')) // prettier-ignore
  if (parts.length === 0) return 'the file'
  return parts.map((part, i) => (/^\d+$/.test(part) ? `[${part}]` : /^[$\w]+$/.test(part) ? `${i === 0 ? '' : '.'}${part}` : `[${JSON.stringify(part)}]`)).join('') // prettier-ignore
}

function shown(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}
