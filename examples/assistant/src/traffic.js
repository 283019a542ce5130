// Drives the service with some 200 requests, checks the answers and ends it:
//   node src/traffic.js -- <command that starts the service>
import { startEmbedded } from './embedded/embedded.js'
import { startService } from './traffic/service.js'
import { drive } from './traffic/drive.js'
import { planRequests } from './traffic/plan.js'

const separator = process.argv.indexOf('--')
const command = separator < 0 ? [process.execPath, 'src/server.js'] : process.argv.slice(separator + 1)
const say = (text) => process.stderr.write(`${text}\n`)

const isScripted = !process.env.OPENAI_API_KEY
const embedded = await startEmbedded(process.env)
const service = await startService(command, { ...process.env, ...embedded.env }).catch((error) => {
  say(`traffic: ${error.message}`)
  embedded.stop()
  process.exit(1)
})

for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => service.end().then(() => process.exit(1)))

const startedAt = performance.now()
const failures = await drive(service.url, planRequests({ isScripted }), { limitMs: isScripted ? 20_000 : 300_000, say })
const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
const exitProblem = await service.end()
embedded.stop()

for (const failure of failures.slice(0, 10)) say(`traffic: ${failure}`)
if (exitProblem) say(`traffic: ${exitProblem}\n${service.output()}`)
const isGood = failures.length === 0 && !exitProblem
say(`traffic: ${isGood ? 'every answer as expected' : `${failures.length} answers not as expected`} (${seconds} s)`)
process.exitCode = isGood ? 0 : 1
