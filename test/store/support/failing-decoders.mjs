// Starts decoding threads whose files are taken by folders, lets them fail with work before them, and closes them. Argument: folder of a session.
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { scaleBlocks } from '../../support/scale-session.ts'
import { Decoders, removeStaging, stagingFolder } from '../../../src/store/analytics/decoders.ts'

const session = process.argv[2]
const blocks = [...scaleBlocks(8000)]
for (let round = 0; round < 5; round++) {
  removeStaging(session)
  const decoders = Decoders.start(session, 2, undefined)
  for (const number of [1, 2]) mkdirSync(path.join(stagingFolder(session), `${number}-0.parquet`))
  for (const block of blocks) await decoders.decode(block, 1, 0n)
  const asked = [1, 2, 3, 4].map(() => decoders.handOver().catch(() => 'failed'))
  const first = await asked[0]
  // While the threads are at the next of their orders.
  await decoders.close()
  console.log(`${first} and closed`)
}
removeStaging(session)
