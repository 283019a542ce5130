import { findOrder } from '../orders.js'

/** Looks up an order in Postgres. */
export async function lookupOrder({ id }) {
  const order = await findOrder(id)
  if (!order) throw new Error(`There is no order ${id}`)
  return order
}
