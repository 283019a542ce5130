import { hiddenState } from './hidden-state.ts'

/** The span of a child process that is being started, on the options of its `spawn`: for what hands the session to the child. */
export const childTraceparent = hiddenState<string>('child-traceparent')
