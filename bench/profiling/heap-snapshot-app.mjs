// Fills the heap with `records` small linked objects (five nodes of a snapshot each) and writes a heap snapshot to `file`.
import v8 from 'node:v8'

const [, , file, records] = process.argv

class Item {
  constructor(i, previous) {
    this.id = i
    this.previous = previous
    this.tags = [i, i + 1]
    this.meta = { a: i % 7, label: `label-${i}` }
  }
}
const table = new Map()
let last
for (let i = 0; i < Number(records); i++) {
  last = new Item(i, last)
  if (i % 100 === 0) table.set(i, last)
}
const rssBefore = process.memoryUsage.rss()
const started = performance.now()
v8.writeHeapSnapshot(file)
const pauseMs = performance.now() - started
const peakBytes = process.resourceUsage().maxRSS * 1024
console.log(
  JSON.stringify({
    pauseMs,
    extraBytes: peakBytes - rssBefore,
    heapBytes: v8.getHeapStatistics().used_heap_size,
    kept: table.size,
    last: last.id,
  }),
)
