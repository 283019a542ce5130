// The browser that reads back what the tools write: Debian's `chromium` package, or CHROMIUM=<path>.
import { existsSync } from 'node:fs'
import { describe, it } from 'vitest'
import { chromium, type Browser } from 'playwright-core'

const candidates = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome']
const binary = candidates.find((file) => file !== undefined && existsSync(file))

/** Declares `suite` when there is a browser; else a skipped test that says so, or a failing one with PERF_TEST_REQUIRE_SERVICES=1. */
export function describeWithChromium(name: string, suite: () => void): void {
  if (binary !== undefined) {
    describe(name, suite)
    return
  }
  const missing = `${name}: no Chromium (Debian: apt-get install chromium, or CHROMIUM=<path>)`
  if (process.env['PERF_TEST_REQUIRE_SERVICES'] !== '1') it.skip(missing)
  else
    it(missing, () => {
      throw new Error(missing)
    })
}

/** Starts the browser, without a window and without network. */
export function startChromium(): Promise<Browser> {
  // Containers have no user namespaces; speedscope draws with WebGL, which a machine without a GPU does in software.
  const args = ['--no-sandbox', '--enable-unsafe-swiftshader']
  return chromium.launch({ executablePath: binary ?? '', args })
}
