// PERF_TOOLS: which files hold the user's tools and which of their functions are wanted.
//   src/tools/**#*                all functions of all files below src/tools
//   {app,lib}/**/*.tool.ts        names default to *
//   src/agent.ts#search|fetch*    some of them
//   src/tools/**#*|!_*            all but those that begin with _
import { realpathSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

/** Whether a function name of a matched file is wanted. */
export type NameMatcher = (name: string) => boolean

export interface ToolGlobs {
  /** The name matcher of a file, given as a path or a `file:` URL; undefined when the file holds no tools. */
  match(file: string): NameMatcher | undefined
  /** One sentence for every entry that could not be used; the other entries work. */
  readonly errors: readonly string[]
  /** True when there is nothing to match: no hook is needed. */
  readonly isEmpty: boolean
}

interface Entry {
  /** What a path must begin with, and how it must go on. */
  readonly prefixes: readonly string[]
  readonly pattern: RegExp
  readonly takesModules: boolean
  readonly names: NameMatcher
}

const SOURCE_FILE = /\.[cm]?[jt]sx?$/
const NO_SOURCE_FILE = /\.d\.[cm]?ts$/

/** Reads `PERF_TOOLS`; relative globs start at any of `folders`. Never throws. */
export function parseToolGlobs(value: string, folders: readonly string[]): ToolGlobs {
  const entries: Entry[] = []
  const errors: string[] = []
  for (const text of splitOutsideBraces(value, ',').map((part) => part.trim())) {
    if (text === '') continue
    const entry = parseEntry(text, folders)
    if (typeof entry === 'string') errors.push(`PERF_TOOLS: ${JSON.stringify(text)} ${entry}`)
    else entries.push(entry)
  }
  return { errors, isEmpty: entries.length === 0, match: (file) => matchFile(entries, file) }
}

function matchFile(entries: readonly Entry[], file: string): NameMatcher | undefined {
  if (entries.length === 0) return undefined
  const full = toPath(file)
  if (full === undefined) return undefined
  const wanted = entries.filter((entry) => matchesEntry(entry, full))
  if (wanted.length === 0 || !SOURCE_FILE.test(full) || NO_SOURCE_FILE.test(full)) return undefined
  return wanted.length === 1 ? wanted[0]?.names : (name) => wanted.some(({ names }) => names(name))
}

function matchesEntry({ prefixes, pattern, takesModules }: Entry, full: string): boolean {
  if (!prefixes.some((prefix) => full.startsWith(prefix) && pattern.test(full.slice(prefix.length)))) return false
  return takesModules || !full.includes('/node_modules/')
}

function toPath(file: string): string | undefined {
  if (!file.startsWith('file:')) return file.includes(':') && !path.isAbsolute(file) ? undefined : withSlashes(file)
  try {
    return withSlashes(fileURLToPath(file))
  } catch {
    return undefined
  }
}

const withSlashes = (file: string): string => (path.sep === '\\' ? file.replaceAll('\\', '/') : file)

/** An entry, or what is wrong with it. */
function parseEntry(text: string, folders: readonly string[]): Entry | string {
  const hash = text.indexOf('#')
  const glob = withSlashes(hash === -1 ? text : text.slice(0, hash)).replace(/^(?:\.\/)+/, '')
  const names = hash === -1 ? '*' : text.slice(hash + 1)
  if (glob === '') return 'has no path before #'
  const namePatterns = parseNames(names)
  if (typeof namePatterns === 'string') return namePatterns
  const fixed = glob.slice(0, glob.search(/[*?{[]|$/))
  const folder = fixed.slice(0, fixed.lastIndexOf('/') + 1)
  const source = globSource(glob.slice(folder.length), '[^/]')
  if (source === undefined) return 'has an unbalanced { in its path'
  return {
    prefixes: [...new Set(folders.flatMap((start) => prefixesOf(folder, start)))],
    pattern: new RegExp(`^${source}$`),
    takesModules: glob.includes('node_modules'),
    names: namePatterns,
  }
}

// Node loads files by their real path; the working directory may be reached through a link.
function prefixesOf(folder: string, cwd: string): string[] {
  const prefix = path.resolve(cwd, folder)
  const spelled = [prefix]
  try {
    spelled.push(realpathSync(prefix))
  } catch {
    // the folder does not exist yet
  }
  return [...new Set(spelled.map((one) => (withSlashes(one).endsWith('/') ? withSlashes(one) : `${withSlashes(one)}/`)))]
}

function parseNames(text: string): NameMatcher | string {
  const wanted: RegExp[] = []
  const unwanted: RegExp[] = []
  for (const name of splitOutsideBraces(text, '|').map((part) => part.trim())) {
    const isNegated = name.startsWith('!')
    const source = globSource(isNegated ? name.slice(1) : name, '.')
    if (source === undefined) return 'has an unbalanced { in its names'
    if (source === '') return 'has an empty name after #'
    const list = isNegated ? unwanted : wanted
    list.push(new RegExp(`^${source}$`))
  }
  if (wanted.length === 0) wanted.push(/^/)
  return (name) => wanted.some((pattern) => pattern.test(name)) && !unwanted.some((pattern) => pattern.test(name))
}

/** A regular expression for `**`, `*`, `?`, `[a-z]` and `{a,b}`; `*` stands for any number of `any`. Undefined when braces do not match. */
function globSource(glob: string, any: string): string | undefined {
  let source = ''
  let depth = 0
  for (let at = 0; at < glob.length; at++) {
    const character = glob.charAt(at)
    const set = character === '[' ? /^\[[!^]?[^\]/]+\]/.exec(glob.slice(at))?.[0] : undefined
    if (glob.startsWith('**/', at) && (at === 0 || glob.charAt(at - 1) === '/')) {
      source += '(?:.*/)?'
      at += 2
    } else if (glob.startsWith('**', at)) {
      source += '.*'
      at++
    } else if (character === '*') source += `${any}*`
    else if (character === '?') source += any
    else if (character === '{') {
      source += '(?:'
      depth++
    } else if (character === '}') {
      source += ')'
      depth--
    } else if (character === ',' && depth > 0) source += '|'
    else if (set !== undefined) {
      source += set.replace(/^\[!/, '[^').replaceAll('\\', '\\\\')
      at += set.length - 1
    } else source += character.replace(/[\\^$.*+?()[\]{}|/]/, '\\$&')
    if (depth < 0) return undefined
  }
  return depth === 0 ? source : undefined
}

function splitOutsideBraces(text: string, separator: string): string[] {
  const parts = ['']
  let depth = 0
  for (const character of text) {
    if (character === '{') depth++
    else if (character === '}') depth = Math.max(0, depth - 1)
    if (character === separator && depth === 0) parts.push('')
    else parts[parts.length - 1] += character
  }
  return parts
}
