// `@perf/agent/store`: recorded sessions for programs, as the CLI reads them.
export { PerfError } from '../errors.ts'
export { syncSession, type SyncOptions, type SyncProgress, type SyncResult } from './analytics/sync.ts'
export { openSession, type QueryResult, type Row, type SessionReader } from './query.ts'
export { listSessions, readSession, resolveSession, type Session, type SessionJson } from './session.ts'
