import { expect, it } from 'vitest'
import { recordingOf } from '../support/recording.ts'

it('a line of CPU belongs to a file: native functions have none', async () => {
  const reader = await recordingOf([{ name: 'GET /a', layer: 'http', ms: [0, 10] }], {
    insert: [
      `INSERT INTO store.frames VALUES (1, 'burn', 'src/burn.ts', 4, 1), (2, 'now', NULL, NULL, NULL)`,
      `INSERT INTO store.cpu_lines VALUES (1, 0, 1, 8, 5, 5000), (1, 0, 2, 139, 3, 3000), (1, 0, 2, 62, 1, 1000)`,
    ],
  })
  expect(await reader.rows(`SELECT function, file, line, samples::INTEGER AS samples FROM cpu_lines ORDER BY samples DESC`)).toEqual([
    { function: 'burn', file: 'src/burn.ts', line: 8, samples: 5 },
    { function: 'now', file: null, line: null, samples: 4 },
  ])
})
