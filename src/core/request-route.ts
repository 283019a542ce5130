import { hiddenState } from './hidden-state.ts'

// What a web framework tells about a request that the HTTP server's span wants to know at its end.

/** State of one exchange; emptied when its span ends. */
export interface RequestState {
  /** As it came in: middleware may change the request's own. */
  method: string
  /** Ends the exchange's span; undefined before it can end and afterwards. */
  end: (() => void) | undefined
  /** Route template, e.g. `/users/:id`. */
  route: string | undefined
  /** Finds the template when the span ends, where nobody says so while the request is handled. */
  findRoute: (() => string | undefined) | undefined
  /** What a handler threw or passed on, for a response that turns out to be a failure. */
  error: unknown
  /** Concrete base path → template, for mounted routers: `/users/42`, `/users/:id`, … */
  mounts: string[] | undefined
}

const states = hiddenState<RequestState>('request')

/** The request whose handling began a trace in this process: its state, for a trace may be kept longer than its request may. */
const firsts = hiddenState<RequestState>('request.first')

let isAsked = false

/** Something that is hooked tells routes without knowing the request: from now on it is noted which request began a trace. */
export function askForFirsts(): void {
  isAsked = true
}

/** Notes that `trace` began with the handling of `request`, unless it did with another one. */
export function setCarrier(trace: object, request: object): void {
  if (!isAsked) return
  const state = states.get(request)
  if (state !== undefined && firsts.get(trace) === undefined) firsts.set(trace, state)
}

/** As `setRoute`, for the request whose handling began `trace`. */
export function setRouteOfTrace(trace: object | undefined, template: string): void {
  const state = trace === undefined ? undefined : firsts.get(trace)
  if (state !== undefined) state.route = template
}

/** Gives `request` a state; undefined when it has one already (an event that is emitted again, a forwarded request). */
export function attachState(request: object): RequestState | undefined {
  if (states.get(request) !== undefined) return undefined
  const state: RequestState = { method: '', end: undefined, route: undefined, findRoute: undefined, error: undefined, mounts: undefined }
  states.set(request, state)
  return state
}

/** The state of a request whose span is recorded. */
export function stateOf(request: object): RequestState | undefined {
  return states.get(request)
}

/** Makes `other` another face of `request`: frameworks know one of them (an HTTP/2 stream and its compatible request). */
export function shareState(request: object, other: object): void {
  const state = states.get(request)
  if (state !== undefined) states.set(other, state)
}

/** Says which route handles `request`. Does nothing for a request without a recorded span. */
export function setRoute(request: object, template: string): void {
  const state = states.get(request)
  if (state !== undefined) state.route = template
}

/** Says how to find the route that handled `request` when its span ends; `setRoute` goes before. */
export function setRouteFinder(request: object, find: () => string | undefined): void {
  const state = states.get(request)
  if (state !== undefined) state.findRoute = find
}

/** The route of an exchange that ends; forgets what frameworks told. */
export function takeRoute(state: RequestState): string | undefined {
  const { route, findRoute } = state
  state.mounts = state.route = state.findRoute = undefined
  return route ?? findRoute?.()
}

/** Says that handling `request` failed with `error`. */
export function setRequestError(request: object, error: unknown): void {
  const state = states.get(request)
  if (state !== undefined) state.error = error
}

/** Remembers that `base`, as it stands in the request's URL, came from the template `template` of a mount path. */
export function addMount(request: object, base: string, template: string): void {
  const state = states.get(request)
  if (state === undefined) return
  const { mounts } = state
  if (mounts === undefined) {
    state.mounts = [base, template]
    return
  }
  let outer = ''
  let outerLength = 0
  for (let i = 0; i < mounts.length; i += 2) {
    const known = mounts[i] as string
    if (known.length >= outerLength && known.length < base.length && base.startsWith(known) && base[known.length] === '/') {
      outer = mounts[i + 1] as string
      outerLength = known.length
    }
  }
  const at = mounts.findIndex((known, index) => index % 2 === 0 && known === base)
  if (at >= 0) mounts[at + 1] = outer + template
  else mounts.push(base, outer + template)
}

/** Template of the concrete base path of a mounted router; undefined when its mount was not seen. */
export function mountTemplate(request: object, base: string): string | undefined {
  if (base === '') return ''
  const mounts = states.get(request)?.mounts
  if (mounts === undefined) return undefined
  const at = mounts.findIndex((known, index) => index % 2 === 0 && known === base)
  return at < 0 ? undefined : mounts[at + 1]
}
