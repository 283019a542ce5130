// The functions that end a transformed file. Declarations are hoisted, so every line above can call them.
import type { ToolFileMeta, ToolRow } from '../src/core/tool-runtime.ts'

/** In every transformed file, also after a compiler went over it: such a file is left alone. */
export const MARKER = '__perf$'

/**
 * `__perf$` wraps one function, `__perf$o` methods of an object in place, `__perf$a` elements of an array, `__perf$k` is the key of
 * the getter that an object literal briefly has. With no runtime in the process all of them leave the user's functions as they are.
 */
export function writeEpilogue(meta: ToolFileMeta & { tools: readonly ToolRow[] }, exportsDefault: string | undefined): string {
  const key = 'Symbol.for("perf.agent.v1")'
  return (
    '/*@perf*/var __perf$t;' +
    `function __perf$r(){if(__perf$t===undefined){__perf$t=null;try{__perf$t=globalThis[${key}]?.tools?.file(${JSON.stringify(meta)})??null}catch{}}return __perf$t}` +
    'function __perf$(i,f,n){if(n!==undefined)try{Object.defineProperty(f,"name",{value:n,configurable:true})}catch{}return __perf$r()===null?f:__perf$t.wrap(i,f)}' +
    'function __perf$o(p,o){delete o[__perf$k()];if(__perf$r()!==null)__perf$t.own(p,o);return o}' +
    'function __perf$a(p){return function(v,i){return p.reduce(function(v,e){return e[0]!==i?v:e.length===2?__perf$(e[1],v):__perf$o([e.slice(1)],v)},v)}}' +
    `function __perf$k(){return ${key}}` +
    (exportsDefault === undefined ? '' : `export{${exportsDefault} as default};`)
  )
}
