// A schema with resolvers of the app's, default ones, lists and failures, executed as servers do.
import { setTimeout as sleep } from 'node:timers/promises'
import { span } from '@perf/agent/api'
import * as graphql from 'graphql'

const { buildSchema, execute, executeSync, parse, subscribe, validate, GraphQLObjectType, GraphQLSchema, GraphQLString } = graphql
const canary = process.env.CANARY ?? 'canary'

const schema = buildSchema(`
  type Post { title: String, author: User }
  type User { id: ID!, name: String, posts: [Post], broken: String! }
  type Query { user(id: ID!): User, users: [User], plain: String, now: String }
  type Mutation { rename(id: ID!, name: String!): User }
  type Subscription { ticks: Int }
`)
const fieldsOf = (name) => schema.getType(name).getFields()
const userOf = (id) => ({ id, name: `name of ${id}` })
fieldsOf('Query').user.resolve = async (_source, { id }) => span('handler', () => sleep(1, userOf(id)))
fieldsOf('Query').users.resolve = () => Array.from({ length: 30 }, (_, i) => userOf(i))
fieldsOf('Query').now.resolve = () => 'now'
fieldsOf('User').posts.resolve = async function posts({ id }) {
  return [{ title: `of ${id}` }]
}
fieldsOf('User').broken.resolve = async () => {
  throw new Error(`broken ${canary}`.slice(0, 6))
}
fieldsOf('Mutation').rename.resolve = async (_source, { id, name }) => ({ id, name })
fieldsOf('Subscription').ticks.subscribe = async function* () {
  yield { ticks: 1 }
  yield { ticks: 2 }
}

export async function query() {
  const source = 'query User($id: ID!) { user(id: $id) { id name posts { title } } }'
  return graphql.graphql({ schema, source, variableValues: { id: canary } }).then(({ data }) => Object.keys(data.user))
}

export async function mutation() {
  const document = parse('mutation { rename(id: 1, name: "x") { name } }')
  return [validate(schema, document).length, await execute({ schema, document })]
}

export async function chosen() {
  const document = parse('query One { plain } query Two { now }')
  return execute({ schema, document, operationName: 'Two', rootValue: { plain: 'p' } })
}

export async function synchronous() {
  return executeSync({ schema, document: parse('{ plain }'), rootValue: { plain: 'p' } })
}

export async function lists() {
  return (await execute({ schema, document: parse('query Lists { users { posts { title } } }') })).data.users.length
}

export async function failing() {
  const { data, errors } = await execute({ schema, document: parse('query Failing { user(id: 1) { broken } users { broken } }') })
  return [data, errors.length, errors[0].path, errors[0].message]
}

export async function syntax() {
  return parse(`query { user(id: "${'c' + canary.slice(1)}" `.replace(canary, 'x'))
}

export async function invalid() {
  return validate(schema, parse('{ nothing, neither }')).map(({ message }) => message)
}

export async function variables() {
  const document = parse('query Variables($id: ID!) { user(id: $id) { id } }')
  const { errors } = await execute({ schema, document, variableValues: {} })
  return errors.length
}

export async function subscription() {
  const document = parse('subscription Ticks { ticks }')
  const seen = []
  for await (const { data } of await subscribe({ schema, document })) seen.push(data.ticks)
  return seen
}

export async function classes() {
  const own = new GraphQLSchema({
    query: new GraphQLObjectType({
      name: 'Query',
      fields: { hello: { type: GraphQLString, resolve: async (source, args, context, info) => info.fieldName } },
    }),
  })
  const { resolve } = own.getQueryType().getFields().hello
  const { data } = await execute({ schema: own, document: parse('{ hello }') })
  const after = own.getQueryType().getFields().hello.resolve
  return [data, resolve.length === after.length, resolve.name === after.name]
}

export async function operation(i) {
  const { data } = await graphql.graphql({ schema, source: `query Op${i} { user(id: ${i}) { id } }` })
  return data.user.id
}
