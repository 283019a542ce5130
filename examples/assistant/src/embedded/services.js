// The process of the embedded services: starts those named as arguments, tells its parent where they are, ends with it.
import { startCatalogue } from './catalogue-server.js'
import { startOpenAIServer } from './openai-server.js'
import { startPostgres } from './postgres-server.js'

const starters = {
  // About a tenth of what a real model takes.
  openai: async () => {
    const { url } = await startOpenAIServer({ firstTokenMs: 40, gapMs: 3 })
    return { OPENAI_API_KEY: 'embedded', OPENAI_BASE_URL: `${url}/v1` }
  },
  postgres: async () => ({ DATABASE_URL: await startPostgres() }),
  catalogue: async () => ({ CATALOGUE_URL: await startCatalogue() }),
}

process.once('disconnect', () => process.exit())
// Ctrl-C reaches the whole process group; the parent decides when this process is no longer needed.
process.on('SIGINT', () => {})
const started = await Promise.all(process.argv.slice(2).map((name) => starters[name]()))
process.send(Object.assign({}, ...started))
