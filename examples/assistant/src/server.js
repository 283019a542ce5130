// The service: starts, says where it listens, and closes by itself on SIGTERM, SIGINT or POST /admin/shutdown.
import { startBackgroundJob } from './background.js'
import { closeCache } from './cache.js'
import { config } from './config.js'
import { pool, prepareDatabase } from './database.js'
import { createApp } from './routes.js'

await prepareDatabase()
const backgroundJob = startBackgroundJob()
const server = createApp({ shutdown }).listen(config.port, '127.0.0.1', (error) => {
  if (error) throw error
  console.log(`assistant listening on http://127.0.0.1:${server.address().port}`)
})

let isClosing = false
async function shutdown() {
  if (isClosing) return
  isClosing = true
  await new Promise((resolve) => server.close(resolve))
  await backgroundJob.stop()
  await pool.end()
  await closeCache()
  config.stopEmbedded()
}
process.once('SIGTERM', shutdown)
process.once('SIGINT', shutdown)
