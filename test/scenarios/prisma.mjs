import { PrismaPg } from '@prisma/adapter-pg'
import { PrismaClient } from '@prisma/client'

const canary = process.env.CANARY
const schema = `perf_prisma_${process.pid}`
const { PGHOST: host, PGPORT: port, PGDATABASE: database, PGUSER: user } = process.env
const adapter = new PrismaPg({ host, port: Number(port), database, user, max: 2 }, { schema })
const prisma = new PrismaClient({ adapter, errorFormat: 'minimal' })

export async function setup() {
  await prisma.$executeRawUnsafe(`create schema ${schema}`)
  await prisma.$executeRawUnsafe(`create table ${schema}.users (id serial primary key, email text unique not null, name text)`)
  await prisma.$executeRawUnsafe(
    `create table ${schema}.posts (id serial primary key, title text not null, author_id int not null references ${schema}.users)`,
  )
  await prisma.user.createMany({ data: [1, 2, 3].map((i) => ({ email: `${i}`, name: `n${i}` })) })
}

export async function teardown() {
  await prisma.$executeRawUnsafe(`drop schema ${schema} cascade`)
  await prisma.$disconnect()
}

export async function operation(i) {
  if (i % 2 === 0) await prisma.user.findMany({ where: { name: `nobody ${i}` } })
  else await prisma.user.count({ where: { name: `nobody ${i}` } })
  return i
}

export async function read() {
  const users = await prisma.user.findMany({ where: { id: { gt: 1 } }, include: { posts: true } })
  return [users.length, await prisma.user.findFirst({ where: { name: canary } })]
}

export async function write() {
  const made = await prisma.user.create({ data: { email: canary, name: canary, posts: { create: [{ title: canary }] } } })
  await prisma.user.update({ where: { id: made.id }, data: { name: 'changed' } })
  await prisma.post.deleteMany({ where: { authorId: made.id } })
  return (await prisma.user.delete({ where: { id: made.id } })).name
}

/** Nothing runs before it is asked, and it runs once. */
export async function lazy() {
  void prisma.user.deleteMany({})
  const promise = prisma.user.count()
  return [await promise, await promise]
}

/** Prisma makes one query of them. */
export async function batched() {
  const users = await Promise.all([1, 2].map((id) => prisma.user.findUnique({ where: { id } })))
  return users.map(({ email }) => email)
}

export async function transaction() {
  const [count, first] = await prisma.$transaction([prisma.user.count(), prisma.user.findFirst({ orderBy: { id: 'asc' } })])
  return [count, first.id]
}

export async function interactiveTransaction() {
  return prisma.$transaction(async (tx) => {
    await tx.user.updateMany({ where: { id: 1 }, data: { name: 'n1' } })
    return tx.user.count()
  })
}

export async function raw() {
  return prisma.$queryRaw`select ${canary} <> '' as given`
}

export async function extended() {
  const more = prisma.$extends({ query: { user: { findFirst: ({ args, query }) => query(args) } } })
  return (await more.user.findFirst({ where: { id: 1 } })).id
}

export async function duplicate() {
  return prisma.user.create({ data: { email: '1', name: canary } })
}

export async function notFound() {
  return prisma.user.findUniqueOrThrow({ where: { id: -1 } })
}

export async function invalid() {
  try {
    await prisma.user.create({ data: { email: [canary] } })
  } catch (error) {
    return error.name
  }
}
