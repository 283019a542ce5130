import { execFileSync } from 'node:child_process'
import { availableParallelism, cpus, loadavg, release, totalmem } from 'node:os'
import { fileURLToPath } from 'node:url'

const repositoryRoot = fileURLToPath(new URL('..', import.meta.url))

/** Where and from what a figure comes: printed by every benchmark and kept with its results. */
export function describeRun() {
  return {
    date: new Date().toISOString(),
    commit: git('rev-parse', '--short=12', 'HEAD'),
    hasUncommittedChanges: git('status', '--porcelain', '--untracked-files=no') !== '',
    machine: {
      cpu: cpus()[0].model.trim(),
      cores: availableParallelism(),
      memoryGb: Math.round(totalmem() / 2 ** 30),
      kernel: `${process.platform} ${release()}`,
      loadAverage: Number(loadavg()[0].toFixed(2)),
    },
    node: process.version,
  }
}

/** One line for a terminal. */
export function describeRunInOneLine({ machine, node, commit, hasUncommittedChanges }) {
  const { cpu, cores, memoryGb, kernel, loadAverage } = machine
  return `${cpu}, ${cores} cores, ${memoryGb} GB, ${kernel}, load ${loadAverage} · Node ${node} · commit ${commit}${hasUncommittedChanges ? ' + changes' : ''}`
}

function git(...commandArguments) {
  try {
    return execFileSync('git', commandArguments, { cwd: repositoryRoot, encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim()
  } catch {
    return ''
  }
}
