/** What formats stacks before the app runs: nothing, Node's own function (since 20.19), or that of a preload. */
const { prepareStackTrace: formatAtStart } = Error

/** False where the app formats stacks itself: reading one would run its code. */
export function formatsStacksAsAtStart(): boolean {
  return Error.prepareStackTrace === formatAtStart
}
