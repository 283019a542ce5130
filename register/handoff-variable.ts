/** In the environment of a child that will load the agent: the session, process and span it belongs to. Removed again before its app runs. */
export const HANDOFF_VARIABLE = 'PERF_AGENT_HANDOFF'
