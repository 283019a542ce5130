// Opens an environment, reads all keys and closes it, again and again, until it is told to stop. Arguments: folder.
import { existsSync, statSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { open } from 'lmdb'

const folder = process.argv[2]
let isStopped = false
process.on('message', () => (isStopped = true))
let gaps = 0
let opened = 0
while (!isStopped) {
  const file = path.join(folder, 'data.mdb')
  if (existsSync(file) && statSync(file).size > 8192) {
    const database = open({ path: folder, noSubdir: false, readOnly: true, compression: true, mapSize: 1 << 28 })
    const sequences = [...database.getKeys({ start: ['b', 0, 0], end: ['b', 0, Infinity] })].map((key) => key[2])
    gaps += sequences.filter((seq, i) => i > 0 && seq !== sequences[i - 1] + 1).length
    opened++
    await database.close()
  }
  await sleep(2)
}
process.send({ opened, gaps }, () => process.disconnect())
