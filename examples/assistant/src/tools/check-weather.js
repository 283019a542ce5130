import { config } from '../config.js'

/** Asks the weather service whether deliveries to a city are delayed. */
export async function checkWeather({ city }) {
  const response = await fetch(`${config.catalogueUrl}/weather?city=${encodeURIComponent(city)}`)
  if (!response.ok) throw new Error(`The weather service answered ${response.status}`)
  return response.json()
}
