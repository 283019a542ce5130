// The connection pool and the tables, in a schema of their own so that a shared database stays as it was.
import pg from 'pg'
import { config } from './config.js'

export const pool = new pg.Pool({ connectionString: config.databaseUrl, max: 5 })
pool.on('error', (error) => console.log(`idle Postgres connection failed: ${error.message}`))

/** Creates the tables and their data where they are missing. */
export async function prepareDatabase() {
  await pool.query(SCHEMA)
  const { rows } = await pool.query('SELECT count(*)::int AS count FROM assistant.customers')
  if (rows[0].count === 0) await pool.query(DATA)
}

const SCHEMA = `
  CREATE SCHEMA IF NOT EXISTS assistant;
  CREATE TABLE IF NOT EXISTS assistant.customers (id int PRIMARY KEY, name text NOT NULL, address jsonb);
  CREATE TABLE IF NOT EXISTS assistant.products (id int PRIMARY KEY, name text NOT NULL, price_cents int NOT NULL, grams int NOT NULL);
  CREATE TABLE IF NOT EXISTS assistant.orders (id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, placed_at timestamptz NOT NULL);
  CREATE TABLE IF NOT EXISTS assistant.order_items (order_id int NOT NULL, product_id int NOT NULL, quantity int NOT NULL);
  CREATE TABLE IF NOT EXISTS assistant.messages (
    id bigserial PRIMARY KEY, conversation text NOT NULL, role text NOT NULL, content text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE TABLE IF NOT EXISTS assistant.summaries (conversation text PRIMARY KEY, summary text NOT NULL, last_message_id bigint NOT NULL);
  CREATE INDEX IF NOT EXISTS messages_by_conversation ON assistant.messages (conversation, id);`

// Every seventh customer has no address, and order_items has no index on purpose: reports should have something to show.
const DATA = `
  INSERT INTO assistant.customers
    SELECT n, 'Customer ' || n, CASE WHEN n % 7 <> 0 THEN jsonb_build_object('city', (ARRAY['Hamburg', 'Lyon', 'Porto', 'Graz', 'Turin'])[1 + n % 5]) END
    FROM generate_series(1, 50) AS n;
  INSERT INTO assistant.products
    SELECT n, (ARRAY['teapot', 'kettle', 'grinder', 'mug', 'lamp', 'clock', 'basket', 'brush', 'jar', 'tray'])[n], 900 + n * 350, 150 * n
    FROM generate_series(1, 10) AS n;
  INSERT INTO assistant.orders
    SELECT n, 1 + n % 50, (ARRAY['placed', 'packed', 'sent', 'delivered'])[1 + n % 4], timestamptz '2026-01-01' + n * interval '3 hours'
    FROM generate_series(1, 600) AS n;
  INSERT INTO assistant.order_items
    SELECT 1 + n % 600, 1 + (n * 7) % 10, 1 + n % 3 FROM generate_series(1, 3000) AS n;`
