// Starts and ends many worker threads, eight at a time. Each records a span with some CPU; every fifth is terminated in the middle of it.
import { isMainThread, Worker, workerData } from 'node:worker_threads'
import { span } from '../../dist/api.js'

const atOnce = 8

if (isMainThread) {
  const wanted = Number(process.argv[2])
  let started = 0
  let ended = 0
  let failed = 0
  const next = async () => {
    while (started < wanted) {
      const number = started++
      const worker = new Worker(new URL(import.meta.url), { workerData: number })
      worker.on('error', () => (failed += 1))
      if (number % 5 === 0) worker.once('message', () => worker.terminate())
      await new Promise((resolve) => worker.once('exit', resolve))
      ended += 1
    }
  }
  await Promise.all(Array.from({ length: atOnce }, next))
  console.log(`${ended} threads ended, ${failed} failed`)
  process.exitCode = failed === 0 ? 0 : 1
} else {
  const { parentPort } = await import('node:worker_threads')
  await span('thread', async () => {
    parentPort.postMessage('started')
    let sink = 0
    for (let i = 0; i < 5e6; i++) sink = (sink + Math.imul(i, workerData)) | 0
    await Promise.resolve()
  })
}
