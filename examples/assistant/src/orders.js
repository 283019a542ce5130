// Queries about orders.
import { pool } from './database.js'

/** One order with its customer and items, or undefined. */
export async function findOrder(id) {
  const { rows } = await pool.query(
    `SELECT o.id, o.status, o.placed_at, c.name AS customer, c.address->>'city' AS city, i.items
       FROM assistant.orders o
       JOIN assistant.customers c ON c.id = o.customer_id
       CROSS JOIN LATERAL (
         SELECT json_agg(json_build_object('name', p.name, 'quantity', i.quantity, 'cents', p.price_cents)) AS items
           FROM assistant.order_items i JOIN assistant.products p ON p.id = i.product_id WHERE i.order_id = o.id) i
      WHERE o.id = $1`,
    [id],
  )
  return rows[0]
}

/** All orders of a customer. It asks for the items of each order in a query of its own: N+1, on purpose. */
export async function findCustomerOrders(customerId) {
  const { rows: orders } = await pool.query('SELECT id, status FROM assistant.orders WHERE customer_id = $1 ORDER BY id', [customerId])
  for (const order of orders) {
    const { rows } = await pool.query('SELECT product_id, quantity FROM assistant.order_items WHERE order_id = $1', [order.id])
    order.items = rows
  }
  return orders
}

/** The invoice of an order. It forgets that a customer may have no address: every seventh fails, on purpose. */
export async function findInvoice(orderId) {
  const { rows } = await pool.query(
    `SELECT c.name, c.address, sum(p.price_cents * i.quantity)::int AS total_cents
       FROM assistant.orders o
       JOIN assistant.customers c ON c.id = o.customer_id
       JOIN assistant.order_items i ON i.order_id = o.id
       JOIN assistant.products p ON p.id = i.product_id
      WHERE o.id = $1 GROUP BY c.name, c.address`,
    [orderId],
  )
  const [invoice] = rows
  return { to: `${invoice.name}, ${invoice.address.city}`, totalCents: invoice.total_cents }
}
