/** One frame of a stack. */
export interface CodeFrame {
  function: string
  file: string
  /** From 1. */
  line: number
}

/** What a stack, as V8 writes it, says about who was at work. */
export interface StackSummary {
  /** The function of Node or of the language that the code called; null when the code itself was running. */
  call: string | null
  /** The innermost frame of the app or of a package. */
  code: CodeFrame | undefined
}

/** Reads the lines of a stack, innermost first. Lines it does not understand are passed over. */
export function readStack(text: string): StackSummary {
  let call: string | null = null
  for (const line of text.split('\n')) {
    const match = /^\s*at (?:async )?(?:(.+?) \()?(.*?)\)?$/.exec(line)
    if (match === null) continue
    const [, name = '', place = ''] = match
    const location = /^(.*):(\d+):\d+$/.exec(place)
    const file = (location?.[1] ?? place).replace(/^file:\/\//, '')
    if (location === null || file.startsWith('node:') || file === '<anonymous>') {
      // A getter that happens to be on top blocks nobody.
      if (!name.startsWith('get ')) call = plain(name) || null
      continue
    }
    return { call, code: { function: plain(name) || '(anonymous)', file: decoded(file), line: Number(location[2]) } }
  }
  return { call, code: undefined }
}

/** `Object.spawnSync` is what people call `spawnSync`; `JSON.parse` and `Database.query` keep their first half. */
function plain(name: string): string {
  return name.replace(/^(?:Object|Module|exports|process)\./, '').replace(/ \[as .*\]$/, '')
}

function decoded(file: string): string {
  try {
    return file.includes('%') ? decodeURIComponent(file) : file
  } catch {
    return file
  }
}
