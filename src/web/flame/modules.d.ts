// What the page uses of two packages that come without types.
declare module 'd3-flame-graph' {
  type Setter<Value> = (value: Value) => FlameGraph
  interface FlameGraph {
    (selection: unknown): void
    width: Setter<number>
    cellHeight: Setter<number>
    inverted: Setter<boolean>
    sort<Node>(compare: (a: Node, b: Node) => number): FlameGraph
    minFrameSize: Setter<number>
    transitionDuration: Setter<number>
    setColorMapper<Node>(color: (node: Node) => string): FlameGraph
    setLabelHandler<Node>(label: (node: Node) => string): FlameGraph
    setDetailsHandler(show: (text: string | null) => void): FlameGraph
    setSearchHandler(show: (results: unknown, found: number, all: number) => void): FlameGraph
    setSearchMatch<Node>(match: (node: Node, term: string) => boolean): FlameGraph
    search(term: string): void
    clear(): void
    resetZoom(): void
    zoomTo(node: unknown): void
    update(): void
  }
  export default function flamegraph(): FlameGraph
}
declare module 'd3-selection' {
  interface Selection {
    datum(data: unknown): Selection
    call(fn: (selection: unknown) => void): Selection
  }
  export function select(element: Element): Selection
}
