import { markup, type Markup } from './markup.ts'

/** What the colours of a flame graph mean. */
export function flameLegend(isComparison: boolean): Markup {
  const entries = isComparison
    ? [['more', 'more than before'], ['less', 'less'], ['same', 'the same']] // prettier-ignore
    : [['app', 'your code'], ['package', 'packages'], ['node', 'Node.js'], ['agent', 'this agent'], ['native', 'native code, garbage collection']] // prettier-ignore
  return markup`<span class="legend">${entries.map(([key, text]) => markup`<span><i class="f-${key}"></i>${text}</span>`)}</span>`
}
