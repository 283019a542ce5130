import { cached } from './cache.js'
import { config } from './config.js'

/** The products on sale, from the catalogue service; asked again after two seconds. */
export const catalogue = () =>
  cached('catalogue', 2, async () => {
    const response = await fetch(`${config.catalogueUrl}/products`)
    if (!response.ok) throw new Error(`The catalogue service answered ${response.status}`)
    return response.json()
  })
