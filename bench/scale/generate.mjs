// Writes a session of about so many spans as LMDB blocks: `generate.mjs <bundle> <dir> <spans>`. Prints the name of the session.
import { createRequire } from 'node:module'
import { basename } from 'node:path'

const [subjectFile, dir, spans] = process.argv.slice(2)
const { generateSession, scaleBlocks } = createRequire(import.meta.url)(subjectFile)

const folder = await generateSession({ dir, name: 'scale_20260101-000000_0000', instances: [{ blocks: scaleBlocks(Number(spans)) }] })
process.stdout.write(basename(folder))
