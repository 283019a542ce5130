import { findSourceMap } from 'node:module'
import type { CpuProfile } from '../core/profile-format.ts'

/** What sync needs of a source map; the source itself stays where it is. */
export interface ScriptMap {
  version: number
  sources: readonly string[]
  names: readonly string[]
  mappings: string
  sourceRoot?: string
}

/** Scripts that a loader compiles when they are imported (tsx, ts-node, swc-node): their map is in this process only. */
const COMPILED = /\.(?:[cm]?ts|[jt]sx)(?:\?.*)?$/
const MAX_MAPPINGS = 8 << 20

/** Source maps of compiled scripts in `profile` that are not in `known` yet; these are added to it. Node keeps them where source maps are enabled. */
export function newScriptMaps(profile: CpuProfile, known: Set<string>): Record<string, ScriptMap> {
  const maps: Record<string, ScriptMap> = {}
  let size = 0
  for (const { callFrame } of profile.nodes) {
    const { url } = callFrame
    if (known.has(url) || !COMPILED.test(url)) continue
    known.add(url)
    const payload = findSourceMap(url)?.payload
    if (payload === undefined || (size += payload.mappings.length) > MAX_MAPPINGS) continue
    const { version, sources, names, mappings, sourceRoot } = payload
    maps[url] = { version, sources, names, mappings, ...(sourceRoot ? { sourceRoot } : {}) }
  }
  return maps
}
