import { reveal } from './element.ts'

/** The field that finds: `/` goes to it, Enter to the next place, Shift+Enter back, Escape leaves. `also`: what else is searched. */
export function findInPage(also: (term: string) => void): void {
  const field = document.getElementById('find') as HTMLInputElement | null
  const said = document.getElementById('found')
  if (field === null || said === null) return
  let hits: Element[] = []
  let at = -1
  const clear = (): void => {
    for (const hit of hits) hit.classList.remove('hit')
    hits = []
    at = -1
    said.textContent = ''
  }
  const search = (): void => {
    clear()
    const term = field.value.trim().toLowerCase()
    also(term)
    if (term === '') return
    hits = [...document.querySelectorAll('[data-find]')].filter((place) => (place.textContent ?? '').toLowerCase().includes(term))
    said.textContent = hits.length === 0 ? 'nothing' : `${hits.length} ${hits.length === 1 ? 'place' : 'places'}`
  }
  const go = (by: number): void => {
    if (hits.length === 0) return
    hits[at]?.classList.remove('hit')
    at = (at + by + hits.length) % hits.length
    const hit = hits[at]
    if (hit === undefined) return
    reveal(hit)
    expand(hit)
    hit.classList.add('hit')
    hit.scrollIntoView({ block: 'center' })
    said.textContent = `${at + 1} of ${hits.length}`
  }
  field.addEventListener('input', search)
  field.addEventListener('keydown', (event) => {
    if (event.key === 'Enter') go(event.shiftKey ? -1 : 1)
    else if (event.key === 'Escape') {
      field.value = ''
      search()
      field.blur()
    } else return
    event.preventDefault()
  })
  addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.target instanceof HTMLInputElement) return
    event.preventDefault()
    field.focus()
    field.select()
  })
}

/** A span below a closed one: its trace is opened whole. */
function expand(hit: Element): void {
  if (!(hit instanceof HTMLElement) || !hit.hidden) return
  hit.closest('table')?.dispatchEvent(new Event('expand-all'))
}
