// The markers that choose what a scripted server does: `[[name]]`, `[[name:argument]]`.
const MARKER = /\[\[([\w-]+)(?::(.*?))?\]\](?!\])/gs

/**
 * Reads every marker of a text; a name may occur several times.
 * @param {string} text
 * @returns {import('./markers.js').Markers}
 */
export function readMarkers(text) {
  const found = [...text.matchAll(MARKER)].map(([, name, argument = '']) => ({ name, argument }))
  const all = (name) => found.filter((marker) => marker.name === name).map(({ argument }) => argument)
  return {
    all,
    has: (name) => found.some((marker) => marker.name === name),
    text: (name) => all(name)[0],
    number(name, fallback) {
      const argument = all(name)[0]
      return argument === undefined || argument === '' ? fallback : Number(argument)
    },
    names: () => found.map(({ name }) => name),
  }
}

/**
 * The text without its markers.
 * @param {string} text
 */
export const withoutMarkers = (text) => text.replace(MARKER, '').replace(/ {2,}/g, ' ').trim()
