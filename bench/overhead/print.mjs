import Table from 'cli-table3'
import { formatNumber } from '../format-number.mjs'
import { median } from '../statistics.mjs'
import { plainTable } from '../verdicts.mjs'
import { compared, difference, ratio } from './budgets.mjs'
import { variants } from './variants.mjs'

/** One table per Node version: medians, and what each variant is beside bare. */
export function printFigures({ nodes }) {
  for (const [major, { version, figures }] of Object.entries(nodes)) {
    const bare = figures.bare
    console.log(`\nNode ${major} (${version}), medians; × and + are against bare, round by round`)
    const names = Object.keys(figures)
    const table = new Table({ head: ['', ...names.map(titleOf)], colAligns: ['left', ...names.map(() => 'right')], ...plainTable })
    for (const [what, cell] of rowsOf(bare)) table.push([what, ...names.map((name) => cell(figures[name], name === 'bare'))])
    console.log(table.toString())
  }
}

export const titleOf = (name) => variants.find((variant) => variant.name === name).title

function rowsOf(bare) {
  const rows = []
  for (const route of Object.keys(bare.routes)) {
    const of = (measure) => (figures) => figures.routes[route]?.[measure]
    rows.push(
      [`${route}: CPU µs/request`, withRatio(bare, of('cpuUs'))],
      [`${route}: requests/s`, withRatio(bare, of('requestsPerSecond'))],
      [`${route}: p50 / p99 ms`, (figures) => `${medianOf(of('p50Ms')(figures))} / ${medianOf(of('p99Ms')(figures))}`],
      [`${route}: bytes written/request`, (figures) => medianOf(of('writtenBytes')(figures))],
    )
  }
  rows.push(
    ['hello world: first line, ms', withDifference(bare, ({ start }) => start.firstLineMs)],
    ['hello world: whole, ms', withDifference(bare, ({ start }) => start.helloWorldMs)],
    ['this app: listening, ms', withDifference(bare, ({ start }) => start.readyMs)],
    ['idle CPU, % of a core', ({ idleCpuPercent }) => formatNumber(idleCpuPercent)],
    ['idle RSS MB (anonymous + file)', ({ idleMemory }) => memoryCell(idleMemory)],
    ['RSS after load', ({ loadMemory }) => memoryCell(loadMemory)],
    ['RSS at 10,000 spans/s', ({ steady }) => memoryCell(steady?.map(({ memory }) => memory))],
    ['requests stored', ({ stored }) => (stored ? `${(stored.keptShare * 100).toFixed(2)} %` : '–')],
    ['bytes on disk per span', ({ stored }) => (stored ? formatNumber(stored.folderBytes / total(stored.spans)) : '–')],
  )
  return rows
}

function withRatio(bare, pick) {
  return (figures, isBare) => medianOf(pick(figures)) + (isBare ? '' : ` ×${(compared(figures, bare, pick, ratio) ?? NaN).toFixed(2)}`)
}

function withDifference(bare, pick) {
  return (figures, isBare) =>
    medianOf(pick(figures)) + (isBare ? '' : ` +${formatNumber(compared(figures, bare, pick, difference) ?? NaN)}`)
}

function memoryCell(memories) {
  if (!memories) return '–'
  const of = (part) => Math.round(median(memories.map((memory) => memory[part])))
  return `${of('rss')} (${of('anonymous')} + ${of('file')})`
}

const total = (spans) => Object.values(spans).reduce((sum, count) => sum + count, 0)

function medianOf(values) {
  return values?.length ? formatNumber(median(values)) : '–'
}
