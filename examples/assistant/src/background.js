// The background job: now and then it summarises the conversations that grew.
import { openai } from './assistant.js'
import { config } from './config.js'
import { findUnsummarised, saveSummary } from './conversations.js'

const EVERY_MS = 500
const PER_RUN = 3

/** Starts the job; `stop` waits for the run in progress. */
export function startBackgroundJob() {
  let running = Promise.resolve()
  const timer = setInterval(() => {
    running = running.then(summariseConversations).catch((error) => console.log(`background job failed: ${error.message}`))
  }, EVERY_MS)
  return {
    stop() {
      clearInterval(timer)
      return running
    },
  }
}

async function summariseConversations() {
  for (const { conversation, text, last_message_id: lastMessageId } of await findUnsummarised(PER_RUN)) {
    const response = await openai.responses.create({
      model: config.model,
      instructions: 'Summarise this conversation in one sentence.',
      input: text,
    })
    await saveSummary(conversation, response.output_text, lastMessageId)
  }
}
