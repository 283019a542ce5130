/** The one line a user sees when the disk refuses the recording. */
export function cannotStore(sessionDir: string, error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error)
  return `cannot store the recording in ${sessionDir}: ${reason.replaceAll('\n', ' ')}. The app is not affected.`
}
