import type { SessionReader } from '../../store/query.ts'
import { findAll } from '../find.ts'
import type { Finding, FindingKind } from '../finding.ts'
import cheaperModel from '../findings/cheaper-model.ts'
import duplicatePrompt from '../findings/duplicate-prompt.ts'
import missingStreaming from '../findings/missing-streaming.ts'
import oversizedContext from '../findings/oversized-context.ts'
import promptCacheMiss from '../findings/prompt-cache-miss.ts'
import slowFirstToken from '../findings/slow-first-token.ts'
import throttledCalls from '../findings/throttled-calls.ts'
import unusedExpert from '../findings/unused-expert.ts'
import unusedTools from '../findings/unused-tools.ts'
import { choiceReports, type ChoiceReport } from './choices.ts'
import { conversations, type Conversations } from './conversations.ts'
import { modelUse, type Fallback, type ModelUse } from './models.ts'
import { pipelineKinds, type PipelineKind } from './pipelines.ts'
import { questionReport, type Questions } from './questions.ts'
import { ROUTING_ASSUMPTIONS, routingWhatIf, type RouteWhatIf } from './routing.ts'

/** The AI pages of the report; also `report --ai --json`. */
export interface AiReport {
  session: string
  /** AI calls, weighted by sampling; with 0 everything else is empty. */
  calls: number
  /** What to change about them: waste, routing, speed. */
  findings: Finding[]
  models: ModelUse[]
  fallbacks: Fallback[]
  conversations: Conversations
  routing: { assumptions: readonly string[]; list: RouteWhatIf[] }
  choices: ChoiceReport[]
  questions: Questions
  pipelines: PipelineKind[]
}

/** Kinds of findings that are about AI calls. */
const AI_FINDINGS: readonly FindingKind[] = [
  cheaperModel,
  duplicatePrompt,
  missingStreaming,
  oversizedContext,
  promptCacheMiss,
  slowFirstToken,
  throttledCalls,
  unusedExpert,
  unusedTools,
]

/** Everything about the AI calls of a session, `limit` rows a table. */
export async function aiReport(reader: SessionReader, limit: number): Promise<AiReport> {
  const [calls] = await reader.rows<{ n: number }>(`SELECT coalesce(round(sum(weight)), 0)::BIGINT AS n FROM ai_calls`)
  return {
    session: reader.session.name,
    calls: calls?.n ?? 0,
    findings: await findAll(reader, AI_FINDINGS),
    ...(await modelUse(reader, limit)),
    conversations: await conversations(reader, limit),
    routing: { assumptions: ROUTING_ASSUMPTIONS, list: await routingWhatIf(reader, limit) },
    choices: await choiceReports(reader, limit),
    questions: await questionReport(reader, limit),
    pipelines: await pipelineKinds(reader, limit),
  }
}
