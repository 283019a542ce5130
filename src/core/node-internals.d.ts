// Parts of Node that exist on every supported version and are missing from its type definitions.
declare global {
  interface Buffer {
    /** Writes as much of `text` as whole characters fit into `length` bytes; returns the bytes written. */
    utf8Write(text: string, offset: number, length: number): number
    utf8Slice(start: number, end: number): string
  }
  namespace NodeJS {
    interface Process {
      /** Writes to stderr synchronously, without the app's streams. */
      _rawDebug(text: string): void
      moduleLoadList?: readonly string[]
    }
  }
}
export {}
