import path from 'node:path'

/** A path as people want to read it: relative where it lies below the working directory. */
export function shownPath(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative !== '' && !relative.startsWith('..') ? relative : file
}
