// A real Redis Cluster of three masters on this machine, of the program `redis-server`.
import { execFile, spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import net from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterAll, it } from 'vitest'
import { waitFor } from '../support/wait-for.ts'

export interface RedisCluster {
  ports: number[]
  close(): Promise<void>
}

const run = promisify(execFile)

/** Runs `declare`, which declares tests, with a cluster that is closed after them; without Redis' programs one skipped test says so, or CI fails. */
export async function withRedisCluster(library: string, declare: (cluster: RedisCluster) => Promise<void>): Promise<void> {
  const missing = 'there is no redis-server for a cluster'
  if (!hasRedisServer()) {
    if (process.env['PERF_TEST_REQUIRE_SERVICES'] === '1') throw new Error(missing)
    it.skip(`${library}: ${missing}`)
    return
  }
  const cluster = await startRedisCluster()
  afterAll(() => cluster.close())
  await declare(cluster)
}

/** True where the programs of Redis are installed. */
function hasRedisServer(): boolean {
  return spawnSync('redis-server', ['--version']).status === 0 && spawnSync('redis-cli', ['--version']).status === 0
}

/** Starts three nodes, gives each a third of the slots, and waits until all of them say that the cluster is ready. */
async function startRedisCluster(): Promise<RedisCluster> {
  const folder = mkdtempSync(path.join(os.tmpdir(), 'perf-test-redis-'))
  const all = await freePorts(6)
  const ports = all.slice(0, 3)
  const nodes = ports.map((port, i) => startNode(folder, port, all[i + 3] ?? 0))
  const close = async (): Promise<void> => {
    await Promise.all(nodes.map(stopNode))
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    for (const port of ports) await waitFor(`redis-server on ${port}`, () => answers(port, ['PING'], 'PONG'))
    await run('redis-cli', ['--cluster', 'create', ...ports.map((port) => `127.0.0.1:${port}`), '--cluster-yes'])
    for (const port of ports) await waitFor(`the cluster on ${port}`, () => answers(port, ['CLUSTER', 'INFO'], 'cluster_state:ok'))
  } catch (error) {
    await close()
    throw error
  }
  return { ports, close }
}

function startNode(folder: string, port: number, busPort: number): ChildProcess {
  const settings = {
    port,
    'cluster-port': busPort,
    bind: '127.0.0.1',
    dir: folder,
    'cluster-enabled': 'yes',
    'cluster-config-file': `nodes-${port}.conf`,
    save: '',
    appendonly: 'no',
  }
  return spawn(
    'redis-server',
    Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]),
    { stdio: 'ignore' },
  )
}

async function stopNode(node: ChildProcess): Promise<void> {
  if (node.exitCode !== null) return
  node.kill()
  await once(node, 'exit')
}

async function answers(port: number, command: string[], wanted: string): Promise<boolean> {
  const reply = await run('redis-cli', ['-p', String(port), ...command]).catch(() => undefined)
  return reply?.stdout.includes(wanted) === true
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => net.createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as net.AddressInfo).port)
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))))
  return ports
}
