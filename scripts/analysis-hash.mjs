// One hash of everything findings are computed with: what was stored by other code is computed anew (src/analysis/refresh-findings.ts).
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'

const FOLDERS = ['src/analysis', 'src/store/analytics']

/** Hash of the sources below `root` that findings depend on: helpers and constants as well as the findings themselves. */
export function analysisHash(root) {
  const hash = createHash('sha256')
  for (const folder of FOLDERS)
    for (const file of readdirSync(path.join(root, folder), { recursive: true }).map(String).sort())
      if (file.endsWith('.ts')) hash.update(`${folder}/${file}\0${readFileSync(path.join(root, folder, file), 'utf8')}\0`)
  return hash.digest('hex').slice(0, 16)
}
