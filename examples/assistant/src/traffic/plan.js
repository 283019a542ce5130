// Which requests are sent, and what each answer must look like. The same list every time.
const CITIES = ['Hamburg', 'Lyon', 'Porto', 'Graz', 'Turin']
const WEIGHTS = [320, 1250, 480, 900, 2100, 150, 760, 3300, 640]

/**
 * The list of requests. With the scripted model, markers in the prompts choose tools and failures (see
 * embedded/scripted-model.js); a real one gets the plain text, and only status codes are checked.
 */
export function planRequests({ isScripted }) {
  const prompt = (text, ...markers) => (isScripted ? `${text} ${markers.map((marker) => `[[${marker}]]`).join(' ')}` : text)
  const uses = (...tools) => (isScripted ? (body) => JSON.stringify(body.tools) === JSON.stringify(tools) : () => true)
  const streams = (...kinds) => (isScripted ? (events) => kinds.every((kind) => events.some(({ type }) => type === kind)) : () => true)
  const many = (count, make) => Array.from({ length: count }, (_, index) => make(index + 1))
  const onlyScripted = (requests) => (isScripted ? requests : [])
  const conversation = (index) => `conversation-${index % 12}`

  const requests = [
    ...many(14, (n) => chat(conversation(n), prompt(`Where is order ${n}?`, `tool:lookup_order {"id":${n}}`), uses('lookup_order'))),
    ...many(10, (n) =>
      chat(undefined, prompt(`Will it arrive in ${city(n)}?`, `tool:check_weather {"city":"${city(n)}"}`), uses('check_weather')),
    ),
    ...many(8, (n) =>
      chat(
        conversation(n),
        prompt(`What does shipping cost? ${n}`, `tool:quote_shipping {"weights":${weights(n)}}`),
        uses('quote_shipping'),
      ),
    ),
    ...many(6, (n) => {
      const markers = ['parallel', `tool:lookup_order {"id":${n}}`, `tool:check_weather {"city":"${city(n)}"}`]
      return chat(undefined, prompt(`Is order ${n} on its way to ${city(n)}?`, ...markers), uses('lookup_order', 'check_weather'))
    }),
    ...many(4, (n) =>
      chat(
        undefined,
        prompt(`Order ${n + 40}, then shipping`, `tool:lookup_order {"id":${n + 40}}`, `tool:quote_shipping {"weights":${weights(6)}}`),
        uses('lookup_order', 'quote_shipping'),
      ),
    ),
    ...many(8, (n) => chat(conversation(n), prompt(`Hello, ${n}`, 'words:20'), uses())),
    ...onlyScripted([
      ...many(4, (n) => chat(undefined, prompt(`Busy ${n}`, '429', 'retry-after:60'), uses())),
      ...many(2, (n) => chat(undefined, prompt(`Broken ${n}`, '500'), () => true, 502)),
      ...many(2, (n) =>
        chat(undefined, prompt(`No such order ${n}`, 'tool:lookup_order {"id":99999}'), ({ text }) => text.includes('There is no order')),
      ),
      ...many(2, (n) => stream(prompt(`Cut ${n}`, 'words:30', 'disconnect'), streams('error'))),
      ...many(2, (n) => stream(prompt(`Slow ${n}`, 'words:10', 'slow:600'), streams('text', 'done'))),
    ]),
    ...many(12, (n) => stream(prompt(`Tell me about order ${n}`, 'words:40'), streams('text', 'done'))),
    ...many(8, (n) => stream(prompt(`And order ${n}?`, `tool:lookup_order {"id":${n}}`), streams('tool', 'text', 'done'))),
    ...many(3, (n) => ({ ...stream(prompt(`A long story ${n}`, 'words:300', 'gap:10'), () => true), leavesEarly: true })),
    ...many(45, (n) => get(`/orders/${1 + (n % 25)}`, ({ items }) => items.length > 0)),
    ...many(2, () => get('/orders/99999', () => true, 404)),
    ...many(18, (n) =>
      get(`/customers/${1 + (n % 20)}/orders`, (orders) => orders.length === 12 && orders.every(({ items }) => items.length > 0)),
    ),
    ...many(21, (n) =>
      n % 7 === 6
        ? get(`/invoices/${n}`, ({ error }) => /city/.test(error), 500)
        : get(`/invoices/${n}`, ({ totalCents }) => totalCents > 0),
    ),
    ...many(16, (n) =>
      post('/embed', { texts: [`question ${n % 6}`, `answer ${n % 4}`] }, ({ count, dimensions }) => count === 2 && dimensions >= 256),
    ),
    ...many(8, (n) =>
      post(`/orders/${n}/explain`, { question: prompt('When will it arrive?', 'words:25') }, ({ text }) => text.length > 0),
    ),
    ...many(5, () => get('/health', ({ status }) => status === 'ok')),
  ]
  return shuffle(requests)
}

const city = (n) => CITIES[n % CITIES.length]
const weights = (n) => JSON.stringify(WEIGHTS.slice(0, 6 + (n % 4)))

const get = (path, check, status = 200) => ({ method: 'GET', path, check, status })
const post = (path, body, check, status = 200) => ({ method: 'POST', path, body, check, status })
const chat = (conversation, message, check, status) => post('/chat', { conversation, message }, check, status)
const stream = (message, check) => ({ ...get(`/chat/stream?${new URLSearchParams({ message })}`, check), isStream: true })

// Fisher-Yates with a fixed seed (numerical recipes' linear congruential generator).
function shuffle(items) {
  let seed = 2026
  for (let index = items.length - 1; index > 0; index--) {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0
    const other = seed % (index + 1)
    ;[items[index], items[other]] = [items[other], items[index]]
  }
  return items
}
