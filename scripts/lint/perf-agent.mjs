// Lint rules of this project, for oxlint: mistakes that cost records or time when they were made, and who may import whom.
import path from 'node:path'

export default {
  meta: { name: 'perf-agent' },
  rules: {
    'transaction-block': {
      create: (context) => ({
        CallExpression(node) {
          if (methodName(node) !== 'transactionSync') return
          const [callback] = node.arguments
          if (callback?.type === 'ArrowFunctionExpression' && callback.body.type === 'BlockStatement') return
          context.report({
            node,
            message: 'transactionSync(() => { … }) needs a block body: returning the thenable of put() leaves the transaction open.',
          })
        },
      }),
    },
    'no-enter-with': {
      create: (context) => ({
        CallExpression(node) {
          if (methodName(node) !== 'enterWith') return
          context.report({ node, message: 'enterWith() leaks its context into whatever runs next; use run().' })
        },
      }),
    },
    'import-direction': {
      // Options: the folders in order, each with what it may import besides itself; the first that holds the file counts.
      meta: { schema: [{ type: 'object' }] },
      create(context) {
        const { root, folders } = context.options[0]
        const base = path.resolve(context.cwd, root)
        const from = path.relative(base, context.filename).replaceAll(path.sep, '/')
        const folder = Object.keys(folders).find((name) => isIn(from, name))
        if (folder === undefined) return {}
        const check = (source) => {
          if (typeof source?.value !== 'string') return
          const name = source.value
          if (name.startsWith('.')) {
            const to = path.posix.join(path.posix.dirname(from), name)
            if (isIn(to, folder) || folders[folder].some((allowed) => isIn(to, allowed))) return
            context.report({
              node: source,
              message: `${folder} may import ${folders[folder].join(', ') || 'nothing else'}; this is ${to}.`,
            })
          } else if (!name.startsWith('node:') && folders[folder].includes('node:')) {
            context.report({ node: source, message: `${folder} imports only Node's own modules; this is ${name}.` })
          }
        }
        return {
          ImportDeclaration: (node) => check(node.source),
          ExportNamedDeclaration: (node) => check(node.source),
          ExportAllDeclaration: (node) => check(node.source),
          ImportExpression: (node) => check(node.source),
          TSImportType: (node) => check(node.source ?? node.argument?.literal ?? node.argument),
        }
      },
    },
  },
}

/** `folder` is a folder or, with its ending, a file. */
function isIn(file, folder) {
  return file === folder || file.startsWith(`${folder}/`)
}

function methodName({ callee }) {
  return callee.type === 'MemberExpression' && callee.property.type === 'Identifier' ? callee.property.name : undefined
}
