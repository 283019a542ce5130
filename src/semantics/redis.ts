// What Redis clients have in common: which commands wait, which carry passwords, and the server's error codes.

/** Commands whose arguments may be passwords or the server's configuration: nothing of them is kept, not even a hash. */
export const HOLDS_SECRETS: ReadonlySet<string> = new Set(['AUTH', 'HELLO', 'ACL', 'CONFIG', 'MIGRATE'])

/** Commands that wait in the server by themselves: a long one is no slow one. */
export const BLOCKING: ReadonlySet<string> = new Set([
  'BLPOP',
  'BRPOP',
  'BRPOPLPUSH',
  'BLMOVE',
  'BLMPOP',
  'BZPOPMIN',
  'BZPOPMAX',
  'BZMPOP',
  'WAIT',
  'WAITAOF',
  'MONITOR',
])

/** `WRONGTYPE` of `WRONGTYPE Operation against a key …`. */
export function replyCode(message: unknown): string | undefined {
  return typeof message === 'string' ? /^[A-Z]+/.exec(message)?.[0] : undefined
}
