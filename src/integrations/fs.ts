import { defineIntegration, target, type Call, type Outcome, type SpanEnd, type SpanStart } from '../core/integration.ts'
import { byteCount, fileStart } from '../semantics/fs.ts'
import { systemFailure } from '../semantics/net.ts'

interface FileCall {
  args: [file: unknown, data?: unknown, ...more: unknown[]]
  result: unknown
}

/** What takes a path and is there in all three forms: callback, promise, synchronous. */
const OPERATIONS = [
  'access', 'appendFile', 'chmod', 'copyFile', 'cp', 'link', 'lstat', 'mkdir', 'mkdtemp', 'open', 'readdir', 'readFile', 'readlink', 'realpath', 'rename',
  'rm', 'rmdir', 'stat', 'symlink', 'truncate', 'unlink', 'utimes', 'writeFile',
] // prettier-ignore
const WRITING = new Set(['appendFile', 'writeFile'])

/** `exists` and `existsSync`, streams and what works on a file descriptor or `FileHandle` are left out: they are many and say little. */
const recorded = (name: string, path: string, module: 'fs' | 'fs/promises', settles: 'callback' | 'promise' | 'return') =>
  target<FileCall>({
    module,
    path,
    versions: '*',
    settles,
    insideOnly: true,
    outermost: true,
    start: ({ args: [file] }: Call<FileCall>): SpanStart => fileStart(name, file, settles === 'return'),
    end: (call, outcome) => (outcome.ok ? bytesOf(name, call, outcome) : systemFailure(outcome)),
  })

export default defineIntegration({
  name: 'fs',
  optIn: true,
  module: ['node:fs', 'node:fs/promises'],
  kind: 'fs',
  records: {
    spans: ['fs.readFile', 'fs.stat', 'fs.writeFile'],
    attributes: ['file.path', 'file.extension', 'perf.fs.bytes', 'perf.loop.blocking'],
    against: 'files',
  },
  targets: OPERATIONS.flatMap((name) => [
    recorded(name, name, 'fs', 'callback'),
    recorded(name, `${name}Sync`, 'fs', 'return'),
    recorded(name, `promises.${name}`, 'fs', 'promise'),
    recorded(name, name, 'fs/promises', 'promise'),
  ]),
})

function bytesOf(name: string, { args: [, data] }: Call<FileCall>, { result }: Outcome & { ok: true }): SpanEnd | undefined {
  if (name === 'readFile') return { attributes: { 'perf.fs.bytes': byteCount(result) } }
  return WRITING.has(name) ? { attributes: { 'perf.fs.bytes': byteCount(data) } } : undefined
}
