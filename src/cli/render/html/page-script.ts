import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { PerfError } from '../../../errors.ts'
import { escaped } from './markup.ts'

/** The script of a page, built into `dist/<name>.js`, ready to stand in a script element. Throws where it was not built. */
export function pageScript(name: 'flame-page' | 'report-page'): string {
  const here = path.dirname(fileURLToPath(import.meta.url))
  const folders = ['', '..', '../../../dist', '../../../../dist'].map((up) => path.join(here, up, `${name}.js`))
  const found = folders.find((file) => existsSync(file))
  if (found === undefined)
    throw new PerfError('NOT_BUILT', `dist/${name}.js is missing; reinstall @perf/agent (in its own repository: npm run build).`)
  return readFileSync(found, 'utf8').trim().replaceAll('</script', '<\\/script').replaceAll('<!--', '<\\!--')
}

/** The start of a page up to its body: it may run this script and this style, and load nothing. `more` is markup for the head. */
export function pageStart(page: { title: string; style: string; script: string; more?: string }): string {
  const { title, style, script, more = '' } = page
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escaped(contentPolicy({ scripts: [script], styles: [style] }))}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
${more}<title>${escaped(title)}</title>
<style>${style}</style>
</head>
<body>`
}

/** A policy under which the page may run these scripts and styles and nothing else, and load nothing. */
function contentPolicy(parts: { scripts: readonly string[]; styles: readonly string[] }): string {
  const hashes = (texts: readonly string[]): string =>
    texts.map((text) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`).join(' ')
  return `default-src 'none'; script-src ${hashes(parts.scripts)}; style-src ${hashes(parts.styles)}; base-uri 'none'; form-action 'none'`
}
