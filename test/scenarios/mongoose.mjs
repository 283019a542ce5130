import mongoose from 'mongoose'

const canary = process.env.CANARY
if (!mongoose.version.startsWith('6.0.')) mongoose.set('strictQuery', true)
const { Schema } = mongoose
const options = { autoIndex: false, autoCreate: false, versionKey: false }
const team = new Schema({ _id: Number, title: String }, options)
const person = new Schema(
  { _id: Schema.Types.Mixed, name: { type: String, maxlength: 30 }, age: Number, team: { type: Number, ref: 'Team' } },
  options,
)
const Team = mongoose.model('Team', team)
const Person = mongoose.model('Person', person)
const fields = ['age', 'team']

export async function setup() {
  await mongoose.connect(`${process.env.MONGO_URL}`, { dbName: 'test', maxPoolSize: 2 })
  await Promise.all([Person.deleteMany({}), Team.deleteMany({})])
  await Team.create({ _id: 1, title: 'one' })
  await Person.insertMany([1, 2, 3].map((i) => ({ _id: i, name: `p${i}`, age: i, team: 1 })))
}

export async function teardown() {
  await mongoose.disconnect()
}

export async function operation(i) {
  if (i % 2 === 0) await Person.find({ [fields[i % 4 === 0 ? 0 : 1]]: -i })
  else await Person.countDocuments({ age: -i })
  return i
}

export async function query() {
  const people = await Person.find({ age: { $gte: 2 } })
  const one = await Person.findOne({ name: canary }).exec()
  return [people.length, one]
}

/** A query is a thenable: made and never asked, it does not run; asked twice, it says so. */
export async function lazy() {
  Person.deleteMany({})
  const query = Person.findOne({ _id: 1 })
  const found = await query
  const again = await query.then(
    () => 'ran again',
    (error) => error.message.startsWith('Query was already executed'),
  )
  return [found._id, again, await Person.estimatedDocumentCount()]
}

export async function save() {
  const doc = new Person({ _id: 'new', name: canary, age: 1 })
  const saved = await doc.save()
  doc.age = 2
  await doc.save()
  await doc.deleteOne()
  return [saved === doc, (await Person.create({ _id: 'created' }))._id]
}

export async function updates() {
  const { modifiedCount } = await Person.updateOne({ _id: 'created' }, { $set: { name: 'changed' } })
  const found = await Person.findByIdAndDelete('created')
  return [modifiedCount, found?.name]
}

export async function many() {
  const made = await Person.insertMany([{ _id: 10 }, { _id: 11 }])
  const { deletedCount } = await Person.bulkWrite([{ deleteOne: { filter: { _id: 10 } } }, { deleteOne: { filter: { _id: 11 } } }])
  return [made.length, deletedCount]
}

export async function aggregate() {
  return Person.aggregate([{ $match: { age: { $gte: 1 } } }, { $group: { _id: 'all', n: { $sum: 1 } } }])
}

export async function cursor() {
  const ids = []
  for await (const { _id } of Person.find({ age: { $gte: 1 } }).cursor({ batchSize: 2 })) ids.push(_id)
  return ids
}

export async function populate() {
  const found = await Person.findOne({ _id: 1 }).populate('team')
  return found.team.title
}

export async function validationError() {
  await new Person({ _id: 'x', name: canary.repeat(5) }).save()
}

export async function castError() {
  try {
    await Person.find({ age: canary })
  } catch (error) {
    return [error.name, error.message.includes(canary)]
  }
}

export async function duplicateKey() {
  try {
    await Person.create({ _id: 1 })
  } catch (error) {
    return [error.constructor.name, error.code]
  }
}
