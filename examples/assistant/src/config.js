// What the service talks to. Whatever the environment does not name is started locally.
import { startEmbedded } from './embedded/embedded.js'

const embedded = await startEmbedded(process.env)
const env = { ...process.env, ...embedded.env }

/** Where everything is; the URLs may hold passwords, so nothing here is logged. */
export const config = {
  port: Number(env.PORT ?? 0),
  databaseUrl: env.DATABASE_URL,
  redisUrl: env.REDIS_URL,
  catalogueUrl: env.CATALOGUE_URL,
  openai: { apiKey: env.OPENAI_API_KEY, baseURL: env.OPENAI_BASE_URL },
  model: env.MODEL ?? 'gpt-4o-mini',
  embeddingModel: env.EMBEDDING_MODEL ?? 'text-embedding-3-small',
  stopEmbedded: embedded.stop,
}
