// The scripted OpenAI server of the example is the only one; tests reach it under this name.
export { startOpenAIServer } from '../../examples/assistant/src/embedded/openai-server.js'
export type { ScriptedServer } from '../../examples/assistant/src/embedded/scripted-server.js'
