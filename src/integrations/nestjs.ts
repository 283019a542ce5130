import { defineIntegration, target } from '../core/integration.ts'

interface RouteCall {
  args: [request: unknown, response: unknown]
}

// Nest makes one function per route, of a controller and the name of its method: guards, interceptors, pipes and the handler run in it.
// The route's template comes from the framework below (Express, Fastify).
export default defineIntegration({
  name: 'nestjs',
  module: '@nestjs/core',
  kind: 'function',
  records: {
    spans: ['OrdersController.find'],
    attributes: ['code.function.name'],
    against: 'real servers over loopback',
  },
  esmFiles: ['@nestjs/core/router/router-execution-context.js'],
  inBundle: ['Nest application successfully started'],
  targets: [
    target<RouteCall>({
      file: 'router/router-execution-context',
      path: 'RouterExecutionContext.prototype.create',
      given: 'result',
      versions: '>=10.0.0 <13',
      settles: 'beside',
      start({ madeOf }) {
        const [controller, , method] = madeOf ?? []
        const name = `${classOf(controller)}.${String(method)}`
        return { name, attributes: { 'code.function.name': name } }
      },
      end(_call, outcome) {
        if (outcome.ok) return undefined
        const status = statusOf(outcome.error)
        return status !== undefined && status < 500 ? { status: 'unset' } : undefined
      },
    }),
  ],
})

function classOf(controller: unknown): string {
  const made: unknown = typeof controller === 'object' && controller !== null ? Reflect.get(controller, 'constructor') : undefined
  return typeof made === 'function' && made.name !== '' ? made.name : 'Controller'
}

/** An `HttpException` is an answer; its status says whose fault it is. */
function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null) return undefined
  const status: unknown = Reflect.get(error, 'status')
  return typeof status === 'number' ? status : undefined
}
