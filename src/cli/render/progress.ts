/** A line on a terminal's standard error that says what takes so long. */
export interface Progress {
  update(detail: string): void
  end(): void
}

const SHOW_AFTER_MS = 500

/** Starts a progress line; it appears after half a second, only on a terminal, and leaves nothing behind. */
export function showProgress(title: string): Progress {
  const stream = process.stderr
  if (!stream.isTTY || process.env['TERM'] === 'dumb') return { update: () => {}, end: () => {} }
  const startedAt = Date.now()
  let shown = false
  let lastAt = 0
  return {
    update(detail) {
      const now = Date.now()
      if (now - startedAt < SHOW_AFTER_MS || now - lastAt < 100) return
      lastAt = now
      shown = true
      stream.write(`\r\x1b[K${`${title}: ${detail}`.slice(0, (stream.columns || 80) - 1)}`)
    },
    end() {
      if (shown) stream.write('\r\x1b[K')
    },
  }
}

/** Awaits `work`; when it takes longer than a second, a line on a terminal says so and counts the seconds. */
export async function withProgress<T>(title: string, work: Promise<T>): Promise<T> {
  const progress = showProgress(title)
  const startedAt = Date.now()
  const timer = setInterval(() => progress.update(`${Math.round((Date.now() - startedAt) / 1000)} s`), 1000)
  try {
    return await work
  } finally {
    clearInterval(timer)
    progress.end()
  }
}
