/** Options every command has. */
export interface CommonOptions {
  json?: boolean
  dir?: string
  session?: string
}

/** What a command gives back: its exit code, 0 when nothing. */
export type CommandResult = Promise<number | void>
