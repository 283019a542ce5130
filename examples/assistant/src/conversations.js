// What was said, in Postgres.
import { pool } from './database.js'

/** The last messages of a conversation, oldest first; none for a conversation without a name. */
export async function loadMessages(conversation) {
  if (!conversation) return []
  const { rows } = await pool.query('SELECT role, content FROM assistant.messages WHERE conversation = $1 ORDER BY id DESC LIMIT 10', [
    conversation,
  ])
  return rows.reverse()
}

/** Adds a question and its answer, both or neither. */
export async function addMessages(conversation, question, answer) {
  if (!conversation) return
  const client = await pool.connect()
  try {
    await client.query('BEGIN')
    await client.query('INSERT INTO assistant.messages (conversation, role, content) VALUES ($1, $2, $3)', [conversation, 'user', question])
    await client.query('INSERT INTO assistant.messages (conversation, role, content) VALUES ($1, $2, $3)', [
      conversation,
      'assistant',
      answer ?? '',
    ])
    await client.query('COMMIT')
  } catch (error) {
    await client.query('ROLLBACK')
    throw error
  } finally {
    client.release()
  }
}

/** Conversations that grew since their last summary, with their text. */
export async function findUnsummarised(limit) {
  const { rows } = await pool.query(
    `SELECT m.conversation, max(m.id) AS last_message_id, string_agg(m.role || ': ' || m.content, E'\\n' ORDER BY m.id) AS text
       FROM assistant.messages m LEFT JOIN assistant.summaries s USING (conversation)
      WHERE m.id > coalesce(s.last_message_id, 0) GROUP BY m.conversation ORDER BY max(m.id) LIMIT $1`,
    [limit],
  )
  return rows
}

/** Stores the summary of a conversation up to a message. */
export async function saveSummary(conversation, summary, lastMessageId) {
  await pool.query(
    `INSERT INTO assistant.summaries VALUES ($1, $2, $3)
     ON CONFLICT (conversation) DO UPDATE SET summary = excluded.summary, last_message_id = excluded.last_message_id`,
    [conversation, summary, lastMessageId],
  )
}
