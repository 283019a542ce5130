/** An element with text and children; text is never read as HTML. */
export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className = '',
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name)
  if (className !== '') made.className = className
  made.append(...children)
  return made
}

/** Opens what the element is inside of, so that it can be seen. */
export function reveal(target: Element): void {
  for (let above = target.closest('details'); above !== null; above = above.parentElement?.closest('details') ?? null) above.open = true
}
