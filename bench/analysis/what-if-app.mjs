// A pipeline whose delays come from the environment: the truth that the what-if replay is held against.
import { setTimeout as sleep } from 'node:timers/promises'
import { step, tool, workflow } from '../../dist/api.js'

const delay = (name, ms) => Number(process.env[`DELAY_${name}`] ?? ms)
const search = tool('search', () => sleep(delay('SEARCH', 120)))
const load = tool('load', () => sleep(delay('LOAD', 80)))
const rank = tool('rank', () => sleep(delay('RANK', 60)))

for (let i = 0; i < 5; i++) {
  await workflow('answer', async () => {
    await load()
    await step('gather', async () => {
      await Promise.all([search(), rank().then(() => rank())])
      await sleep(20)
    })
    await rank()
    await search()
  })
}
