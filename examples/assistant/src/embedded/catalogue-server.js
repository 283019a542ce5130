// The shop's catalogue and the weather, as another team's HTTP service would offer them.
import { createServer } from 'node:http'

const PRODUCTS = ['teapot', 'kettle', 'grinder', 'mug', 'lamp', 'clock', 'basket', 'brush', 'jar', 'tray'].map((name, index) => ({
  id: index + 1,
  name,
}))
const WEATHER = ['clear', 'rain', 'snow', 'wind']

/** Starts the service on a free port and gives its URL. The same question always gets the same answer after the same time. */
export async function startCatalogue() {
  const server = createServer((request, response) => {
    const url = new URL(request.url, 'http://localhost')
    const city = url.searchParams.get('city') ?? ''
    const seed = [...city].reduce((sum, character) => sum + character.charCodeAt(0), 0)
    const weather = WEATHER[seed % WEATHER.length]
    const body = { '/products': PRODUCTS, '/weather': { city, weather, delayed: weather === 'snow' } }[url.pathname]
    setTimeout(
      () => {
        response.writeHead(body ? 200 : 404, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? { error: 'not found' }))
      },
      5 + (seed % 20),
    )
  })
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `http://127.0.0.1:${server.address().port}`
}
