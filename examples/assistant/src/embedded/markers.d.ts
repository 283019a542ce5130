/** The markers found in one text. */
export interface Markers {
  /** Every argument of a name, in order; an empty string where none was given. */
  all(name: string): string[]
  has(name: string): boolean
  /** The argument of the first marker of that name. */
  text(name: string): string | undefined
  /** The same as a number, or the fallback where the marker or its argument is missing. */
  number(name: string, fallback: number): number
  names(): string[]
}
export function readMarkers(text: string): Markers
export function withoutMarkers(text: string): string
