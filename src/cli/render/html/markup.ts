/** A piece of a page: text that is HTML already. */
export interface Markup {
  readonly markup: string
}

/** What a template of `markup` may hold; texts are escaped, nothing stands for nothing. */
export type Part = string | number | Markup | null | undefined | false | readonly Part[]

/** Template tag: HTML in which every inserted text is escaped, so that what was recorded can never become markup. */
export function markup(strings: TemplateStringsArray, ...parts: Part[]): Markup {
  return { markup: strings.reduce((text, piece, i) => text + textOf(parts[i - 1]) + piece) }
}

function textOf(part: Part): string {
  if (part === null || part === undefined || part === false) return ''
  if (typeof part === 'string') return escaped(part)
  if (typeof part === 'number') return String(part)
  if ('markup' in part) return part.markup
  return part.map(textOf).join('')
}

/** Text as it must stand in HTML, in elements and in quoted attributes. Control characters, which HTML does not allow, become `\ufffd`. */
export function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
    .replace(/[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/g, '\ufffd')
}

/** JSON that cannot end the script element it stands in, nor begin a comment there. */
export function jsonInScript(value: unknown): string {
  return JSON.stringify(value).replaceAll('<', '\\u003c').replaceAll('\u2028', '\\u2028').replaceAll('\u2029', '\\u2029')
}

/** Advice as HTML: paragraphs, `code` and **strong**; all else is text. */
export function advice(markdown: string): Markup[] {
  return markdown.split(/\n\s*\n/).map((paragraph) => markup`<p>${inline(paragraph)}</p>`)
}

function inline(text: string): Part[] {
  return text
    .split(/(`[^`]+`|\*\*[^*]+\*\*)/)
    .map((part) =>
      part.startsWith('`') && part.length > 2
        ? markup`<code>${part.slice(1, -1)}</code>`
        : part.startsWith('**') && part.length > 4
          ? markup`<strong>${part.slice(2, -2)}</strong>`
          : part,
    )
}
