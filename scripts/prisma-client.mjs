// Generates the client of an installed Prisma as `prisma generate` does, offline: what a client is made of comes with the packages, and the
// engines, which do not, are told to be an empty file. So a client that needs one (5, and 6 without `engineType = "client"`) has none to run.
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'

/**
 * Writes `.prisma/client` into the packages of `folder`, and for 7 the ES module that its other generator makes, in TypeScript, into
 * `generated`. Throws with Prisma's output when that fails.
 */
export function generatePrismaClient(folder, version) {
  const major = Number(version.split('.')[0])
  const schema = path.join(folder, 'schema.prisma')
  writeFileSync(schema, schemaOf(major))
  const engine = path.join(folder, 'no-engine')
  writeFileSync(engine, '')
  const env = {
    ...process.env,
    PRISMA_SCHEMA_ENGINE_BINARY: engine,
    PRISMA_QUERY_ENGINE_LIBRARY: engine,
    CHECKPOINT_DISABLE: '1',
    PRISMA_HIDE_UPDATE_MESSAGE: '1',
  }
  const cli = path.join(folder, 'node_modules', 'prisma', 'build', 'index.js')
  const run = spawnSync(process.execPath, [cli, 'generate', '--schema', schema], { cwd: folder, env, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`prisma generate ${version} failed:\n${run.stdout}${run.stderr}`)
}

function schemaOf(major) {
  return `generator client {
  provider = "prisma-client-js"
  ${major === 6 ? 'engineType = "client"' : ''}
}
${major < 7 ? '' : 'generator module {\n  provider = "prisma-client"\n  output = "./generated"\n}'}
datasource db {
  provider = "postgresql"
  ${major < 7 ? 'url = "postgresql://unused"' : ''}
}
model User {
  id    Int     @id @default(autoincrement())
  email String  @unique
  name  String?
  posts Post[]
  @@map("users")
}
model Post {
  id       Int    @id @default(autoincrement())
  title    String
  author   User   @relation(fields: [authorId], references: [id])
  authorId Int    @map("author_id")
  @@map("posts")
}
`
}
