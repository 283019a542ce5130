import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Config } from '../src/config.ts'
import { registry as allIntegrations } from '../src/integrations/registry.ts'
import type { Handoff } from './handoff.ts'

/** The settings of this process as one text, for the children it starts. */
export function settingsText({ given }: Config): string {
  return JSON.stringify(given)
}

/**
 * Whether another process of the run has said already what is wrong with these settings: the one that started this one, or, where a
 * shell or npm stands between, the first of the session that `perf-agent run` made.
 */
export function isSaid(config: Config, handoff: Handoff | undefined, sessionDir: string): boolean {
  if (handoff !== undefined) return handoff.settings === settingsText(config)
  if (config.session === '') return false
  try {
    const { config: first } = JSON.parse(readFileSync(path.join(sessionDir, 'session.json'), 'utf8')) as { config?: unknown }
    return JSON.stringify(first) === settingsText(config)
  } catch {
    // There is none yet: this one is the first.
    return false
  }
}

/** One sentence per name in the settings that no integration has. */
export function unknownIntegrations({ integrations, disable, optIn }: Config): string[] {
  const named = { PERF_INTEGRATIONS: integrations, PERF_DISABLE: disable, PERF_OPT_IN: optIn }
  return Object.entries(named).flatMap(([setting, names]) =>
    names
      .filter((name) => !allIntegrations.some((integration) => integration.name === name))
      .map((name) => `${setting}: there is no integration "${name}" (docs/integrations.md lists them).`),
  )
}
