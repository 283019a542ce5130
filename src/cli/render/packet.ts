import type { Packet } from '../../analysis/optimize/packet.ts'
import { counted } from './format.ts'
import { codeBlock } from './digest.ts'
import { traceTree } from './digest-show.ts'
import { metricLine, metricText, savingsText } from './queue.ts'
import { oneLine } from './table.ts'

/** A packet as markdown for an assistant; its JSON form says the same. */
export function packetMarkdown(packet: Packet): string {
  const { metrics, violations, code, places, callers, traces, constraints, tests, benchmark, history } = packet
  const at = (file: string | null, line: number | null): string => (file === null ? '' : ` ${file}${line === null ? '' : `:${line}`}`)
  const facts = Object.entries(packet.facts).filter(([, value]) => value !== null)
  const tried = history.filter(({ event }) => event === 'rejected' || event === 'kept')
  const parts = [
    `# ${oneLine(packet.title)}\n\`${packet.id}\` · ${[packet.service ?? '', packet.state, savingsText(packet.saves)].filter((text) => text !== '').join(' · ')}\n`,
    `## What to do\n${packet.recommendation.trim()}\n`,
    section('Figures and targets', metrics.map((metric) => `- ${metricLine(metric)}`)),
    section('Thresholds not kept', violations.map((v) => `- ${v.level} ${v.rule}: ${metricText(v.current, v.unit)}, limit ${metricText(v.target, v.unit)}`)),
    section('Evidence', facts.map(([name, value]) => `- ${name}: ${factText(value)}`)),
    code.length === 0 ? '' : `## Code\n${code.map((entry) => `${entry.is_current ? '' : 'Recorded; the file has changed since: '}${codeBlock(entry)}`).join('\n')}`,
    section('Places', places.map(({ file, line, function: name, source }) => `- ${name ?? ''}${at(file, line)}${source === null ? '' : `\n\`\`\`\n${source.trimEnd()}\n\`\`\``}`)),
    section('Callers', callers.map((caller) => `- ${caller.callee} is called by ${caller.layer} ${oneLine(caller.name)}${at(caller.file, caller.line)}, ${counted(caller.calls, 'time')}`)),
    traces.length === 0 ? '' : `## Slowest traces\n${traces.map((trace) => `${traceTree(trace)}${trace.hidden_rows === 0 ? '' : `+ ${counted(trace.hidden_rows, 'more line')}\n`}`).join('\n')}`,
    section('Constraints', constraints.map((text) => `- ${text}`)),
    section('How it is judged', [...(tests === null ? [] : [`- Tests: \`${tests}\``]), ...(benchmark === null ? [] : [`- Benchmark: \`${benchmark.command}\`, ${counted(benchmark.rounds, 'round')} of each state`])]),
    section('Tried before', tried.map(({ at: when, event, text }) => `- ${when.slice(0, 10)} ${event}: ${oneLine(text)}`)),
  ] // prettier-ignore
  return parts.filter((text) => text !== '').join('\n')
}

const section = (title: string, lines: readonly string[]): string => (lines.length === 0 ? '' : `## ${title}\n${lines.join('\n')}\n`)

const factText = (value: unknown): string =>
  typeof value === 'number' ? String(Number(value.toPrecision(4))) : oneLine(typeof value === 'string' ? value : JSON.stringify(value))
