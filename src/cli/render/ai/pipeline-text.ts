import { columnsOf } from '../../../analysis/ai/pipeline-columns.ts'
import type { Pipeline, Stage } from '../../../analysis/ai/pipelines.ts'
import { bytes, counted, duration, money, share } from '../format.ts'
import { cut, oneLine, visible } from '../table.ts'
import type { Terminal } from '../terminal.ts'

/** The stages of a pipeline from top to bottom, those that run at the same time in one bracket. */
export function renderPipeline(terminal: Terminal, pipeline: Pipeline): string {
  const { paint, unicode } = terminal
  const head = [
    `${paint.bold(oneLine(pipeline.name))}  ${pipeline.layer}`,
    `${counted(pipeline.runs, 'run')}, p50 ${duration(pipeline.p50_ms)}, p95 ${duration(pipeline.p95_ms)}, ${pipeline.errors === 0 ? 'no errors' : paint.red(counted(pipeline.errors, 'error'))}, ${duration(pipeline.between_ms)} in no stage`,
  ]
  const arrow = paint.dim(unicode ? '   │\n   ▼' : '   |\n   v')
  const columns = columnsOf(pipeline.stages).map((stages) => {
    const lines = stages.flatMap((stage) => stageLines(terminal, stage, pipeline))
    if (stages.length === 1) return lines.join('\n')
    const bracket = unicode ? ['┌', '│', '└'] : ['+', '|', '+']
    return lines
      .map((line, i) => `${paint.dim(bracket[i === 0 ? 0 : i === lines.length - 1 ? 2 : 1] ?? '')} ${line.replace(/^ {2}/, '')}`)
      .join('\n')
  })
  return `${head.join('\n')}\n\n${columns.join(`\n${arrow}\n`)}\n`
}

const BAR = 12

function stageLines(terminal: Terminal, stage: Stage, pipeline: Pipeline): string[] {
  const { paint } = terminal
  const indent = ' '.repeat(stage.depth * 2)
  const times = [duration(stage.p50_ms).padStart(7), bar(terminal, stage, pipeline), share(stage.share, 1).padStart(4)].join(' ')
  const facts = [
    sizes(terminal, stage), stage.calls > stage.runs ? `${(stage.calls / stage.runs).toFixed(1)} calls a run` : '', stage.runs < pipeline.runs ? `in ${share(stage.runs, pipeline.runs)} of runs` : '',
    stage.cost_usd === null ? '' : money(stage.cost_usd), stage.errors > 0 ? paint.red(counted(stage.errors, 'error')) : '',
  ].filter((text) => text !== '') // prettier-ignore
  const name = `${indent}${oneLine(stage.name)}`
  const width = Math.min(32, Math.floor(terminal.width * 0.4))
  const label = cut(name.trimStart(), width - indent.length, terminal)
  const line = `${indent}${paint.cyan(label)}${' '.repeat(Math.max(1, width + 1 - indent.length - visible(label)))}${times}`
  const whole = [line, ...facts].join(' ')
  // Two columns for the bracket.
  const lines = visible(whole) <= terminal.width - 2 ? [whole] : [line, `${indent}  ${paint.dim(facts.join(' '))}`]
  return [...lines, ...stage.children.flatMap((child) => stageLines(terminal, child, pipeline))]
}

/** When in the run a stage goes on. */
function bar({ unicode, paint }: Terminal, { start_ms: start, end_ms: end }: Stage, { p50_ms: whole }: Pipeline): string {
  const at = (ms: number): number => Math.min(BAR, Math.max(0, Math.round((ms / Math.max(whole, 1e-9)) * BAR)))
  const from = Math.min(BAR - 1, at(start))
  const to = Math.max(from + 1, at(end))
  const [empty, full] = unicode ? ['·', '█'] : ['.', '#']
  return paint.dim(empty.repeat(from)) + full.repeat(to - from) + paint.dim(empty.repeat(Math.max(0, BAR - to)))
}

/** `1.2 KB > 300 B`: what went in and came out of a call. */
export function sizes({ unicode }: Pick<Terminal, 'unicode'>, { in_bytes: input, out_bytes: output }: Stage): string {
  if (input === null && output === null) return ''
  const size = (value: number | null): string => (value === null ? '?' : bytes(value))
  return `${size(input)} ${unicode ? '→' : '>'} ${size(output)}`
}
