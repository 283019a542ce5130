// What the tools throw: one class per kind of failure, a stable `code`, one sentence that says what to do.

/** Base of every error the CLI and the analysis throw on purpose: printed as one sentence, never as a stack trace. */
export class PerfError extends Error {
  /** Stable, for `--json` and scripts. */
  readonly code: string
  /** Exit code of the CLI: 1 something bad was found, 2 wrong use. */
  readonly exitCode: number

  constructor(code: string, message: string, exitCode = 2, options?: ErrorOptions) {
    super(message, options)
    this.name = new.target.name
    this.code = code
    this.exitCode = exitCode
  }
}

/** No session, or none that matches what was asked for. */
export class SessionNotFoundError extends PerfError {
  constructor(message: string) {
    super('SESSION_NOT_FOUND', message)
  }
}

/** A session that is there and cannot be read. */
export class SessionUnreadableError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('SESSION_UNREADABLE', message, 2, options)
  }
}

/** A session's folder in which nothing can be written. */
export class FolderNotWritableError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('FOLDER_NOT_WRITABLE', message, 2, options)
  }
}

/** A session whose database was made by a newer version of this package. */
export class SessionTooNewError extends PerfError {
  constructor(message: string) {
    super('SESSION_TOO_NEW', message)
  }
}

/** Another process holds the session's database and did not let go in time. */
export class SessionBusyError extends PerfError {
  constructor(message: string) {
    super('SESSION_BUSY', message)
  }
}

/** A query DuckDB refused; the message is DuckDB's own. */
export class QueryError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('QUERY', message, 2, options)
  }
}

/** A command used wrongly. */
export class UsageError extends PerfError {
  constructor(message: string) {
    super('USAGE', message)
  }
}

/** A heap snapshot or profile that is cut short, damaged, or something else. */
export class SnapshotUnreadableError extends PerfError {
  constructor(message: string, options?: ErrorOptions) {
    super('SNAPSHOT_UNREADABLE', message, 2, options)
  }
}
