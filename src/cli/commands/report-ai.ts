import { writeFileSync } from 'node:fs'
import { aiReport } from '../../analysis/ai/ai-report.ts'
import { courseOf, findConversations } from '../../analysis/ai/conversations.ts'
import { pipelineKinds, pipelineOf } from '../../analysis/ai/pipelines.ts'
import { PerfError, UsageError } from '../../errors.ts'
import { openNamedSession } from '../open.ts'
import type { CommonOptions } from '../command.ts'
import { qualityOf, scoreSessions, USUAL_CALLS } from '../score-sessions.ts'
import { renderQuality } from '../render/ai/quality.ts'
import type { SessionReader } from '../../store/query.ts'
import { renderAiReport } from '../render/ai/ai-pages.ts'
import { renderCourse } from '../render/ai/course.ts'
import { pipelineSvg } from '../render/ai/pipeline-svg.ts'
import { renderPipeline } from '../render/ai/pipeline-text.ts'
import { withProgress } from '../render/progress.ts'
import { terminalOf } from '../render/terminal.ts'

/** Which AI page, and how. */
export interface AiPageOptions {
  ai?: boolean
  conversation?: string
  pipeline?: string
  svg?: string
}

/** Lines of one conversation at most. */
const MOST_STEPS = 1000

/** True when one of the AI pages is asked for. Throws `UsageError` for options that do not go together. */
export function wantsAiPage({ ai, conversation, pipeline, svg }: AiPageOptions): boolean {
  if (svg !== undefined && pipeline === undefined) throw new UsageError('--svg needs --pipeline <name>: it draws that pipeline.')
  if (conversation !== undefined && pipeline !== undefined) throw new UsageError('Give --conversation or --pipeline, not both.')
  return ai === true || conversation !== undefined || pipeline !== undefined
}

/** `perf-agent report --ai`, `--conversation <id>`, `--pipeline <name>`: the pages about AI calls. */
export async function reportAi(options: CommonOptions & AiPageOptions & { json: boolean; limit: string }): Promise<void> {
  const { conversation, pipeline, svg } = options
  const isWhole = conversation === undefined && pipeline === undefined
  const scored = isWhole ? await scoresFor(options) : undefined
  const reader = await openNamedSession({ ...options, ...(isWhole && { sync: false }) })
  try {
    if (conversation !== undefined) await conversationPage(reader, conversation, options.json)
    else if (pipeline !== undefined) await pipelinePage(reader, pipeline, svg, options.json)
    else await wholeReport(reader, scored, options)
  } finally {
    reader.close()
  }
}

function print(isJson: boolean, data: unknown, text: () => string): void {
  process.stdout.write(isJson ? `${JSON.stringify(data, null, process.stdout.isTTY ? 2 : undefined)}\n` : text())
}

async function conversationPage(reader: SessionReader, given: string, isJson: boolean): Promise<void> {
  const id = await conversationId(reader, given)
  const steps = await courseOf(reader, id, MOST_STEPS)
  print(isJson, { conversation: id, steps }, () => renderCourse(terminalOf(), id, steps))
}

async function pipelinePage(reader: SessionReader, name: string, svg: string | undefined, isJson: boolean): Promise<void> {
  const data = await withProgress('Following the runs', pipelineOf(reader, name))
  if (data === undefined) throw await noPipeline(reader, name)
  if (svg !== undefined) writeSvg(svg, pipelineSvg(data))
  if (svg !== '-') print(isJson, data, () => (svg === undefined ? renderPipeline(terminalOf(), data) : `${svg} written\n`))
}

type Scored = Awaited<ReturnType<typeof scoreSessions>> | { problem: string }

/** Runs the scorers; what is wrong with them is said in the report and does not end it. */
async function scoresFor(options: CommonOptions): Promise<Scored> {
  try {
    return await scoreSessions({ ...options, limit: USUAL_CALLS })
  } catch (error) {
    if (error instanceof PerfError && (error instanceof UsageError || error.code === 'SCORER_MODULE')) return { problem: error.message }
    throw error
  }
}

async function wholeReport(reader: SessionReader, scored: Scored | undefined, options: { json: boolean; limit: string }): Promise<void> {
  const terminal = terminalOf()
  const limit = Number(options.limit)
  const data = await withProgress('Summing up', aiReport(reader, limit))
  const quality =
    scored !== undefined && 'ensured' in scored ? await qualityOf(reader, scored.earlier, scored.ensured, Math.min(5, limit)) : null
  const problem = scored !== undefined && 'problem' in scored ? scored.problem : null
  const text = quality === null ? (problem ?? '') : renderQuality(terminal, quality)
  print(options.json, { ...data, quality, quality_problem: problem }, () => renderAiReport(terminal, data, [text]))
}

async function conversationId(reader: SessionReader, start: string): Promise<string> {
  const found = await findConversations(reader, start)
  const [first] = found
  if (first === undefined)
    throw new PerfError('CONVERSATION_NOT_FOUND', `No conversation '${start}' in this session; 'perf-agent report --ai' lists them.`)
  if (found.length > 1 && first.conversation !== start)
    throw new PerfError(
      'CONVERSATION_NOT_FOUND',
      `'${start}' fits several conversations, '${first.conversation}' for one; give the whole id.`,
    )
  return first.conversation
}

async function noPipeline(reader: SessionReader, name: string): Promise<PerfError> {
  const known = (await pipelineKinds(reader, 5)).map((kind) => `'${kind.name}'`)
  const hint = known.length === 0 ? 'none has stages (workflow, step, node, tool or AI spans below it)' : `there are ${known.join(', ')}`
  return new PerfError('PIPELINE_NOT_FOUND', `No pipeline '${name}' in this session; ${hint}.`)
}

function writeSvg(file: string, text: string): void {
  if (file === '-') {
    process.stdout.write(text)
    return
  }
  try {
    writeFileSync(file, text)
  } catch (error) {
    throw new PerfError('FILE_NOT_WRITABLE', `${file} cannot be written: ${error instanceof Error ? error.message : String(error)}.`)
  }
}
