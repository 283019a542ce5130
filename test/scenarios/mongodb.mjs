import { MongoClient } from 'mongodb'

const canary = process.env.CANARY
const client = new MongoClient(process.env.MONGO_URL, { maxPoolSize: 2, retryReads: false, retryWrites: false })
let db, users, many
const fields = ['age', 'name', 'city', 'email', 'role', 'team', 'floor']

export async function setup() {
  await client.connect()
  db = client.db('test')
  users = db.collection('users')
  many = db.collection('many')
  await Promise.all([users.deleteMany({}), many.deleteMany({})])
  await many.insertMany(Array.from({ length: 5 }, (_, i) => ({ _id: i, part: i % 2 })))
}

export async function teardown() {
  await client.close()
}

export async function operation(i) {
  await users.findOne({ [fields[i % fields.length]]: i })
  return i
}

export async function insertAndFind() {
  const { insertedId } = await users.insertOne({ _id: 'a', name: canary, age: 1, tags: ['x'] })
  const found = await users.findOne({ _id: insertedId, name: canary, age: { $gt: 0 } }, { projection: { name: 1 }, sort: { age: -1 } })
  return [insertedId, found.name === canary, await users.findOne({ name: 'nobody' })]
}

export async function update() {
  const one = await users.updateOne({ _id: 'a' }, { $set: { name: canary }, $inc: { age: 1 } })
  const upsert = await users.updateOne({ _id: 'b' }, { $set: { name: 'b' } }, { upsert: true })
  const removed = await users.deleteOne({ _id: 'b' })
  return [one.modifiedCount, upsert.upsertedCount, removed.deletedCount]
}

export async function findOneAndUpdate() {
  await users.findOneAndUpdate({ _id: 'a' }, { $set: { name: canary } }, { returnDocument: 'after' })
}

/** One command and two more that fetch the rest. */
export async function cursor() {
  const ids = []
  for await (const { _id } of many.find({}).batchSize(2)) ids.push(_id)
  return ids
}

export async function cursorLeftEarly() {
  for await (const { _id } of many.find({}).batchSize(2)) return _id
}

export async function toArray() {
  return many.find({ $or: [{ part: 0 }, { part: { $in: [1, 2] } }] }, { limit: 3 }).toArray()
}

export async function aggregate() {
  return many.aggregate([{ $match: { part: 1 } }, { $group: { _id: '$part', n: { $sum: 1 } } }]).toArray()
}

export async function count() {
  return [await many.countDocuments({ part: 0 }), await many.estimatedDocumentCount(), (await many.distinct('part')).length]
}

export async function bulkWrite() {
  const result = await users.bulkWrite([
    { insertOne: { document: { _id: 'x', name: canary } } },
    { insertOne: { document: { _id: 'y', name: canary } } },
    { updateOne: { filter: { _id: 'x' }, update: { $set: { name: 'x' } } } },
    { deleteOne: { filter: { _id: 'x' } } },
    { deleteOne: { filter: { _id: 'y' } } },
  ])
  return [result.insertedCount, result.modifiedCount, result.deletedCount]
}

export async function duplicateKey() {
  await users.insertOne({ _id: canary })
  try {
    await users.insertOne({ _id: canary })
  } catch (error) {
    return [error.constructor.name, error.code, error.message.includes(canary)]
  }
}

/** The error reaches the span of the app, too. */
export async function duplicateKeyThrown() {
  return users.insertMany([{ _id: canary }]).catch((error) => {
    throw Object.assign(error, { message: error.message.replace(canary, '…') })
  })
}

export async function badOperator() {
  try {
    await users.findOne({ name: { $bad: canary } })
  } catch (error) {
    return [error.constructor.name, error.code, error.codeName, error.message.includes(canary)]
  }
}

export async function command() {
  return [(await db.command({ ping: 1 })).ok, await db.command({ noSuch: 1 }).catch((error) => error.codeName)]
}

export async function transaction() {
  const session = client.startSession()
  try {
    session.startTransaction()
    await users.insertOne({ _id: 'in transaction' }, { session })
    await session.commitTransaction()
    session.startTransaction()
    await users.deleteOne({ _id: 'in transaction' }, { session })
    await session.abortTransaction()
  } finally {
    await session.endSession()
  }
}

export async function changeStream() {
  const stream = db.collection('stream').watch([])
  const change = await stream.next()
  await stream.close()
  return change.operationType
}

/** More callers than connections. */
export async function waitsForAConnection() {
  return Promise.all([1, 2, 3].map((i) => many.findOne({ _id: i }).then(({ _id }) => _id)))
}

export async function otherClient() {
  const other = new MongoClient(process.env.MONGO_URL)
  await other.connect()
  const found = await other.db('test').collection('many').findOne({ _id: 1 })
  await other.close()
  return found._id
}
