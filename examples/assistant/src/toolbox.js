// The tools as the model sees them, and how a call of the model reaches one.
import { checkWeather } from './tools/check-weather.js'
import { lookupOrder } from './tools/lookup-order.js'
import { quoteShipping } from './tools/quote-shipping.js'

const tools = {
  lookup_order: {
    run: lookupOrder,
    description: 'Looks up an order: its status, where it goes, what is in it.',
    properties: { id: { type: 'integer', description: 'The number of the order.' } },
  },
  check_weather: {
    run: checkWeather,
    description: 'Says whether the weather delays deliveries to a city.',
    properties: { city: { type: 'string' } },
  },
  quote_shipping: {
    run: quoteShipping,
    description: 'Finds the cheapest way to pack and send items.',
    properties: { weights: { type: 'array', items: { type: 'number' }, description: 'Weight of each item in grams, at most nine.' } },
  },
}

/** What is sent to the model with every request. */
export const toolDefinitions = Object.entries(tools).map(([name, { description, properties }]) => ({
  type: 'function',
  function: {
    name,
    description,
    parameters: { type: 'object', properties, required: Object.keys(properties), additionalProperties: false },
  },
}))

/** Runs one call and gives the message to answer it with; an error is an answer too, the model can react to it. */
export async function callTool({ id, function: { name, arguments: json } }) {
  try {
    const result = await tools[name].run(JSON.parse(json))
    return { role: 'tool', tool_call_id: id, content: JSON.stringify(result) }
  } catch (error) {
    return { role: 'tool', tool_call_id: id, content: JSON.stringify({ error: error.message }) }
  }
}
