import { element, reveal } from './element.ts'

/** Marks the section in view in the navigation, opens what a link points at, adds copy buttons, and opens everything for printing. */
export function followSections(): void {
  const links = new Map([...document.querySelectorAll('nav a')].map((link) => [link.getAttribute('href')?.slice(1) ?? '', link]))
  const seen = new Set<string>()
  const watch = new IntersectionObserver(
    (entries) => {
      for (const { target, isIntersecting } of entries) seen[isIntersecting ? 'add' : 'delete'](target.id)
      const first = [...links.keys()].find((id) => seen.has(id))
      if (first === undefined) return
      for (const [id, link] of links) {
        link.classList.toggle('here', id === first)
        if (id === first) link.setAttribute('aria-current', 'true')
        else link.removeAttribute('aria-current')
      }
    },
    { rootMargin: '-10% 0px -60% 0px' },
  )
  for (const section of document.querySelectorAll('main > section')) watch.observe(section)
  openTarget()
  addEventListener('hashchange', openTarget)
  copyButtons()
  openForPrint()
}

function openTarget(): void {
  const target = location.hash === '' ? null : document.getElementById(decodeURIComponent(location.hash.slice(1)))
  if (target === null) return
  reveal(target)
  target.scrollIntoView()
}

function copyButtons(): void {
  // Only over https, and from files in some browsers.
  if (!('clipboard' in navigator)) return
  for (const command of document.querySelectorAll('.command')) {
    const button = element('button', '', 'Copy')
    button.type = 'button'
    button.addEventListener('click', () => {
      navigator.clipboard.writeText(command.querySelector('code')?.textContent ?? '').then(
        () => (button.textContent = 'Copied'),
        () => (button.textContent = 'Not allowed here'),
      )
    })
    command.append(button)
  }
}

function openForPrint(): void {
  let opened: HTMLDetailsElement[] = []
  addEventListener('beforeprint', () => {
    opened = [...document.querySelectorAll<HTMLDetailsElement>('details:not([open])')]
    for (const details of opened) details.open = true
  })
  addEventListener('afterprint', () => {
    for (const details of opened) details.open = false
  })
}
