// Whether lmdb-js can decompress a stored value. It writes a value it cannot decompress to standard error as numbers, all of it
// (compression.cpp of lmdb-js 3.5), so such values are found first, by walking the LZ4 sequences without copying anything.
// Format of a value: 254 · u24 length, or 255 · 3 bytes · u32 length (big endian), then an LZ4 block; any other first byte: not compressed.

/** lmdb-js compresses with a dictionary in front (dict/dict.txt). */
const DICTIONARY_BYTES = 12_008
/** LZ4 ends every block with at least this many literals. */
const LAST_LITERALS = 5
/** No match begins nearer to the end of a block. */
const LAST_MATCH_START = 12

/** False for a compressed value whose sequences do not add up to the length it says. */
export function isDecompressible(value: Buffer): boolean {
  const first = value[0]
  if (first === 254 && value.length >= 4) return hasLength(value, 4, value.readUIntBE(1, 3))
  if (first === 255 && value.length >= 8) return hasLength(value, 8, value.readUInt32BE(4))
  return first !== undefined && first < 250
}

// LZ4 block format: token (literals << 4 | match − 4), more literal length, literals, u16 offset, more match length; the last sequence has no match.
function hasLength(value: Buffer, start: number, expected: number): boolean {
  let at = start
  let written = 0
  while (at < value.length) {
    const token = value[at++] ?? 0
    let literals = token >> 4
    if (literals === 15) for (let more = 255; more === 255; literals += more) more = value[at++] ?? 0
    at += literals
    written += literals
    if (at === value.length) return written === expected
    if (at + 2 > value.length) return false
    const distance = value.readUInt16LE(at)
    if (distance === 0 || distance > written + DICTIONARY_BYTES || written > expected - LAST_MATCH_START) return false
    at += 2
    let match = token & 15
    if (match === 15) for (let more = 255; more === 255; match += more) more = value[at++] ?? 0
    written += match + 4
    if (written > expected - LAST_LITERALS) return false
  }
  return false
}
