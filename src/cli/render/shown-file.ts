import path from 'node:path'

const MAX_PLACE = 24

/** A place in the code for a table; the end of a long path says more than its beginning. */
export function shortPlace(place: string | undefined): string {
  return place === undefined ? '-' : place.length > MAX_PLACE ? `..${place.slice(2 - MAX_PLACE)}` : place
}

/** A file as the user would type it. */
export function shown(file: string): string {
  const relative = path.relative(process.cwd(), file)
  return relative.startsWith('..') ? file : relative
}
