// The primitive types of the Kafka protocol (before its compact, "flexible" versions).

/** Reads one request from its beginning to its end. */
export class KafkaReader {
  private readonly bytes: Buffer
  private at = 0

  constructor(bytes: Buffer) {
    this.bytes = bytes
  }

  int8(): number {
    return this.bytes.readInt8(this.skip(1))
  }

  int16(): number {
    return this.bytes.readInt16BE(this.skip(2))
  }

  int32(): number {
    return this.bytes.readInt32BE(this.skip(4))
  }

  int64(): number {
    return Number(this.bytes.readBigInt64BE(this.skip(8)))
  }

  string(): string {
    const length = this.int16()
    return length < 0 ? '' : this.bytes.toString('utf8', this.skip(length), this.at)
  }

  blob(): Buffer {
    const length = this.int32()
    return length < 0 ? Buffer.alloc(0) : this.bytes.subarray(this.skip(length), this.at)
  }

  /** Undefined for a null array. */
  list<T>(read: () => T): T[] | undefined {
    const length = this.int32()
    return length < 0 ? undefined : Array.from({ length }, read)
  }

  private skip(count: number): number {
    const from = this.at
    this.at += count
    return from
  }
}

/** Builds one response. */
export class KafkaWriter {
  private readonly parts: Buffer[] = []

  int8(value: number): this {
    return this.add(1, (part) => part.writeInt8(value))
  }

  int16(value: number): this {
    return this.add(2, (part) => part.writeInt16BE(value))
  }

  int32(value: number): this {
    return this.add(4, (part) => part.writeInt32BE(value))
  }

  int64(value: number): this {
    return this.add(8, (part) => part.writeBigInt64BE(BigInt(value)))
  }

  string(text: string | null): this {
    if (text === null) return this.int16(-1)
    const bytes = Buffer.from(text)
    this.int16(bytes.length).parts.push(bytes)
    return this
  }

  blob(bytes: Buffer): this {
    this.int32(bytes.length).parts.push(bytes)
    return this
  }

  list<T>(values: readonly T[], write: (value: T) => unknown): this {
    this.int32(values.length)
    for (const value of values) write(value)
    return this
  }

  /** With its length in front. */
  frame(): Buffer {
    const body = Buffer.concat(this.parts)
    const length = Buffer.alloc(4)
    length.writeInt32BE(body.length)
    return Buffer.concat([length, body])
  }

  private add(length: number, write: (part: Buffer) => void): this {
    const part = Buffer.alloc(length)
    write(part)
    this.parts.push(part)
    return this
  }
}
