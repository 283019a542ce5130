import { configTable, readConfig, readProjectSettings, rootFolder, type Setting } from '../../config.ts'
import { openTelemetryValue } from '../../setting-values.ts'
import type { CommonOptions } from '../command.ts'
import { oneLine, table } from '../render/table.ts'
import { terminalOf } from '../render/terminal.ts'

/** `perf-agent config`: every setting with its value here and its default; exit 1 when a value cannot be used. */
export async function config(_: undefined, options: CommonOptions): Promise<number> {
  const { warnings } = readConfig(process.env, process.cwd())
  const own: Record<string, string> = readProjectSettings(rootFolder(process.env, process.cwd())).values
  const settings = (configTable as readonly Setting[]).map((setting) => ({
    ...setting,
    value: valueOf(setting, own),
    source: sourceOf(setting, own),
  }))
  if (options.json === true) {
    process.stdout.write(`${JSON.stringify({ settings, warnings }, null, process.stdout.isTTY ? 2 : undefined)}\n`)
    return warnings.length > 0 ? 1 : 0
  }
  const terminal = terminalOf()
  const columns = [{ head: 'setting' }, { head: 'value', flexible: true }, { head: 'meaning', flexible: true }]
  const rows = settings.map((setting) => [
    setting.source === 'default' ? setting.name : terminal.paint.bold(setting.name),
    oneLine(setting.value === '' ? '-' : setting.value) + (setting.source === 'default' ? '' : ` (${setting.source})`),
    setting.choices === undefined ? setting.doc : `${setting.doc} [${setting.choices.join(', ')}]`,
  ])
  const width = process.stdout.isTTY ? terminal.width : Infinity
  process.stdout.write(`${table({ ...terminal, width }, columns, rows, { wrap: true })}\n`)
  for (const warning of warnings) process.stdout.write(`! ${warning}\n`)
  return warnings.length > 0 ? 1 : 0
}

function valueOf(setting: Setting, own: Readonly<Record<string, string>>): string {
  return process.env[setting.name] || fallbackOf(setting) || own[setting.name] || setting.default
}

function sourceOf(setting: Setting, own: Readonly<Record<string, string>>): string {
  if (process.env[setting.name]) return 'set'
  if (setting.fallback && fallbackOf(setting)) return setting.fallback
  return own[setting.name] ? 'perf.config.json' : 'default'
}

function fallbackOf({ fallback }: Setting): string | undefined {
  return fallback ? openTelemetryValue(fallback, process.env) : undefined
}
