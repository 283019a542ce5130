import { aiViews } from './view-docs/ai.ts'
import { cacheViews } from './view-docs/caches.ts'
import type { ViewDoc } from './view-docs/columns.ts'
import { profileViews } from './view-docs/profiles.ts'
import { recordingViews } from './view-docs/recording.ts'
import { runtimeViews } from './view-docs/runtime.ts'
import { workViews } from './view-docs/work.ts'

export type { ViewDoc }

/** Every view users query, with a sentence and its columns. */
export const viewDocs: Record<string, ViewDoc> = {
  ...workViews,
  ...aiViews,
  ...cacheViews,
  ...profileViews,
  ...runtimeViews,
  ...recordingViews,
}
