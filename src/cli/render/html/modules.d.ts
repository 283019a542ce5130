// What the charts use of a package that comes without types.
declare module 'd3-array' {
  export function ticks(start: number, stop: number, count: number): number[]
}
