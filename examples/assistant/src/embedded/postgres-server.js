// Postgres in this process: PGlite behind its socket server.
import { PGlite } from '@electric-sql/pglite'
import { PGLiteSocketServer } from '@electric-sql/pglite-socket'

/** Starts an empty database in memory on a free port and gives its connection string. */
export async function startPostgres() {
  const database = await PGlite.create()
  const server = new PGLiteSocketServer({ db: keepQueriesTogether(database), port: 0, host: '127.0.0.1', maxConnections: 20 })
  await server.start()
  return `postgres://postgres@${server.getServerConn()}/postgres`
}

const PARSE_TO_EXECUTE = new Set(['P', 'B', 'D', 'E', 'C', 'F'].map((type) => type.charCodeAt(0)))
const SYNC = 'S'.charCodeAt(0)

/**
 * pglite-socket 0.2.17 queues protocol messages one by one, so the Parse of one connection can come between Parse and
 * Bind of another and replace its statement. It does stay with one connection during a transaction: from the first
 * message of an extended query to its Sync we say that there is one.
 */
function keepQueriesTogether(database) {
  let isInsideQuery = false
  const overrides = {
    isInTransaction: () => isInsideQuery || database.isInTransaction(),
    execProtocolRawStream(message, options) {
      if (PARSE_TO_EXECUTE.has(message[0])) isInsideQuery = true
      else if (message[0] === SYNC) isInsideQuery = false
      return database.execProtocolRawStream(message, options)
    },
    // What the socket server does for a connection that was lost inside a transaction.
    exec(query) {
      isInsideQuery = false
      return database.exec(query)
    },
  }
  return new Proxy(database, {
    get(target, key) {
      const value = overrides[key] ?? Reflect.get(target, key, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}
