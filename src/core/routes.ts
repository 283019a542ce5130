import { currentSpan } from './context.ts'
import { guard } from './guard.ts'
import type { LoadedModule, Target } from './integration.ts'
import { askForFirsts, setRouteOfTrace } from './request-route.ts'
import { disguise, wrapOnce } from './disguise.ts'
import type { Runtime } from './runtime.ts'

type AnyFunction = (...args: unknown[]) => unknown
type AnyTarget = Target<{ self: unknown; args: unknown[]; result: unknown }>

/** The wrapper of a function whose calls say which route handles the request they belong to. */
export function wrapRouting(
  original: AnyFunction,
  routeOf: NonNullable<AnyTarget['route']>,
  integration: string,
  module: LoadedModule,
  runtime: Runtime,
): AnyFunction {
  askForFirsts()
  return wrapOnce(original, routeOf, (fn) =>
    disguise(fn, (self, args) => {
      const trace = currentSpan()?.trace
      if (trace !== undefined && runtime.fault !== integration) {
        const route = guard(integration, () => routeOf({ self, args, module }))
        if (route !== undefined) setRouteOfTrace(trace, route)
      }
      return Reflect.apply(fn, self, args)
    }),
  )
}
