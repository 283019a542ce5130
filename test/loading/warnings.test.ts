// Node decides some of its warnings by the folder of the code that asks: the agent neither adds one nor hides one.
import { describe, expect, it } from 'vitest'
import { importUrl, requireFile, runNode, steady, writeProject } from '../support/run-node.ts'

const FILES = {
  'node_modules/lib/index.js': `require('punycode')\nmodule.exports = () => { new Buffer(2); return 'lib' }\n`,
  'node_modules/deep/index.js': `module.exports = require('./inner')\n`,
  'node_modules/deep/inner.js': `const { ucs2 } = require('node:punycode')\nmodule.exports = () => typeof ucs2\n`,
  'node_modules/lib-esm/package.json': '{"type":"module","exports":"./index.js"}',
  'node_modules/lib-esm/index.js': `import punycode from 'punycode'\nexport default () => typeof punycode\n`,
  'own.cjs': `require('punycode')\nconsole.log(require('lib')())\n`,
  'lib.cjs': `console.log(require('lib')())\n`,
  'deep.cjs': `console.log(require('deep')())\n`,
  'nested.cjs': `require('./deep.cjs')\nrequire('./lib.cjs')\n`,
  'own.mjs': `import 'punycode'\nimport lib from 'lib'\nconsole.log(lib())\n`,
  'lib.mjs': `import lib from 'lib'\nimport esm from 'lib-esm'\nconsole.log(lib(), esm())\n`,
  'server.cjs': `
const http = require('node:http')
const server = http.createServer((request, response) => { new Buffer(2); require('node:url').parse('http://host:1/'); response.end() })
server.listen(0, '127.0.0.1', () => http.get({ port: server.address().port, host: '127.0.0.1' }, (response) => { response.resume(); response.on('end', () => { server.close(); new Buffer(1) }) }))
`,
}

describe.each(['own.cjs', 'lib.cjs', 'deep.cjs', 'nested.cjs', 'own.mjs', 'lib.mjs', 'server.cjs'])('%s', (file) => {
  it.each([
    ['--import', () => importUrl()],
    ['--require', () => requireFile()],
  ] as const)('warns of the same things (%s)', async (flag, entry) => {
    const cwd = writeProject(FILES)
    const bare = await runNode([file], { cwd })
    expect(bare.status).toBe(0)
    expect(steady(await runNode([flag, entry(), file], { cwd }))).toEqual(steady(bare))
  })
})
