const KEY = 'perf-agent-theme'

/** Light, dark, or as the system says: the button changes to the other one and remembers it where the browser allows that. */
export function themeButton(onChange: () => void): void {
  const root = document.documentElement
  const system = matchMedia('(prefers-color-scheme: dark)')
  const remembered = stored()
  if (remembered === 'light' || remembered === 'dark') root.dataset['theme'] = remembered
  const isDark = (): boolean => (root.dataset['theme'] ?? (system.matches ? 'dark' : 'light')) === 'dark'
  document.getElementById('theme')?.addEventListener('click', () => {
    root.dataset['theme'] = isDark() ? 'light' : 'dark'
    try {
      localStorage.setItem(KEY, root.dataset['theme'])
    } catch {
      // A page from a file may not be allowed to; it holds until it is closed.
    }
    onChange()
  })
  system.addEventListener('change', onChange)
}

function stored(): string | null {
  try {
    return localStorage.getItem(KEY)
  } catch {
    return null
  }
}
