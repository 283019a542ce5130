import { Command, Option } from 'commander'
import type { CommonOptions, CommandResult } from './command.ts'
import { agentVersion } from './version.ts'

// Every command with its arguments and options. Its code is loaded when it runs.

/** The command line; it does nothing until something is parsed. */
export const program = new Command('perf-agent')
  .description('Reads what the agent recorded: node --import @perf/agent app.js')
  .version(agentVersion(), '-V, --version', 'print the version')
  .helpOption('-h, --help', 'print this help')
  .enablePositionalOptions()
  .showSuggestionAfterError()
  .exitOverride()
  .configureOutput({ writeErr: () => {} })

/** A command with the common options whose code is loaded when it runs. */
function command(spec: string, description: string, sessionHelp = 'name, start of a name, folder, or `last`'): Command {
  return program
    .command(spec)
    .description(description)
    .option('--json', 'print JSON')
    .option('--dir <folder>', 'folder of the sessions (default: PERF_DIR or .perf)')
    .option('--session <session>', `which session: ${sessionHelp}`)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
}

type Runner = (argument: unknown, options: CommonOptions) => CommandResult

/** Runs a command: `load` gives its function. */
function action(target: Command, load: () => Promise<unknown>): void {
  target.action(async (...given: unknown[]) => {
    const self = given.at(-1) as Command
    const options = self.opts<CommonOptions>()
    const run = (await load()) as Runner
    process.exitCode = (await run(self.processedArgs[0], options)) ?? 0
  })
}

action(
  command('run', 'run a program under the agent, child processes included', 'folder or name for the new session')
    .argument('<command...>', 'the program and its arguments; a .js or .ts file runs with node')
    .option('--service <name>', 'name of the service')
    .option('--tools <globs>', 'functions to record as tools, e.g. "src/tools/**#*"')
    .addOption(new Option('--capture <mode>', 'keep contents').choices(['off', 'preview', 'full']))
    .option('--cpu [interval]', 'record a CPU profile')
    .option('--report', 'print the report when the program has ended')
    .passThroughOptions(),
  async () => (await import('./commands/run.ts')).run,
)
action(
  command('sessions', 'list the recorded sessions').option('--limit <n>', 'how many', '20'),
  async () => (await import('./commands/sessions.ts')).sessions,
)
action(
  command('report', 'what ran, where the time went, what was slow, what failed')
    .option('--limit <n>', 'rows per table', '10')
    .addOption(new Option('--format <format>', 'for people, or for an assistant').choices(['text', 'md', 'json']))
    .option('--budget <tokens>', 'with md or json: at most so many tokens, what matters most first (default for md: 4000)'),
  async () => (await import('./commands/report.ts')).report,
)
action(
  command('findings', 'what to change: every finding, the costliest first')
    .option('--kind <kind>', 'only this kind')
    .option('--limit <n>', 'how many', '30'),
  async () => (await import('./commands/findings.ts')).findings,
)
action(
  command('show', 'one finding with its evidence and advice, or a trace or span')
    .argument('<id>', 'id of a finding, trace or span')
    .option('--budget <tokens>', 'as markdown for an assistant, with traces and code, at most so many tokens'),
  async () => (await import('./commands/show.ts')).show,
)
action(
  command('trace', 'one trace as a waterfall')
    .argument('[id]', 'trace id, span id, or the start of one; `slowest` (default)')
    .option('--attributes', 'with every attribute')
    .option('--all', 'every span, also many of the same name')
    .option('--critical', 'only what the trace waited for: its critical path'),
  async () => (await import('./commands/trace.ts')).trace,
)
action(
  command('what-if', 'how much faster traces would be if some spans were: what-if tool.search -50%')
    .argument('<spans and change...>', 'name, layer.name or layer.*, then -50%, +20%, -30ms or 15ms')
    .allowUnknownOption(),
  async () => (await import('./commands/what-if.ts')).whatIf,
)
action(
  command('sql', 'run SQL over the views (docs/sql-views.md)')
    .argument('[query]', 'the query; without one it is read from standard input')
    .option('--csv', 'print CSV')
    .option('--no-sync', 'do not read new data first'),
  async () => (await import('./commands/sql.ts')).sql,
)
action(
  command('sync', 'bring session.duckdb up to date')
    .option('--watch', 'again and again until interrupted')
    .option('--all', 'every session'),
  async () => (await import('./commands/sync.ts')).sync,
)
action(
  command(
    'heap',
    'heap snapshots: `heap` lists them, `heap 1` shows classes, `heap diff 1 2` what grew and what holds it, `heap top` where was allocated',
  )
    .argument('[words...]', 'a snapshot (number, `first`, `last`, file), or `diff` and two of them; or `top`; or `export last <file>`')
    .option('--limit <n>', 'rows per table', '20'),
  async () => (await import('./commands/heap.ts')).heap,
)
/** Which samples of the CPU profile to look at. */
const withCpuFilters = (target: Command): Command =>
  target
    .option('--span <name>', 'only spans of this name (or id), with what they called')
    .option('--tool <name>', 'only this tool, with what it called')
    .option('--route <route>', 'only requests of this route, with what they called')
    .option('--layer <layer>', 'only code of spans of this layer')
action(
  withCpuFilters(command('flame', 'which functions, spans and routes used the CPU (recorded with PERF_CPU=on)'))
    .option('--html [file]', 'write a flame graph as one HTML file')
    .option('--diff <session>', 'compare with an earlier session')
    .option('--limit <n>', 'rows per table', '15'),
  async () => (await import('./commands/flame.ts')).flame,
)
action(
  withCpuFilters(command('export', 'write the CPU profile, or the trace, for another tool'))
    .option('--cpuprofile', 'of one thread, for DevTools and editors')
    .option('--pprof', 'for pprof and its kin, gzipped')
    .option('--collapsed', 'for flamegraph.pl; microseconds')
    .option('--speedscope', 'for speedscope.app, every thread')
    .option('--chrome-trace', 'spans and functions over time, for chrome://tracing, DevTools and Perfetto')
    .option('--thread <pid:thread>', 'with --cpuprofile: which thread (default: the busiest)')
    .option('--output <file>', 'where to (default: in this folder); - for standard output'),
  async () => (await import('./commands/export.ts')).exportSession,
)
action(
  command(
    'snapshot',
    "heap snapshot of a running process; of the app's own state: `snapshot state`, `snapshot list`, `snapshot show 2`, `snapshot diff 1 2`",
  )
    .argument('[words...]', '`list`, `show <n>`, or `diff` and two numbers (or one name: its first and its last)')
    .option('--limit <n>', 'rows at most', '40')
    .option('--pid <pid>', 'which process, where several run'),
  async () => (await import('./commands/snapshot.ts')).snapshot,
)
action(
  command('profile', 'CPU profile of the next seconds of a running process, also while its event loop is blocked', 'of the running process')
    .option('--seconds <n>', 'how long', '5')
    .option('--pid <pid>', 'which process, where several run')
    .option('--heap', 'allocations instead of CPU'),
  async () => (await import('./commands/profile.ts')).profile,
)
action(
  command('tasks', 'what is pending, since when, begun where: of a running process, else at its end (recorded with PERF_ASYNC=on)')
    .option('--limit <n>', 'rows at most', '30')
    .option('--pid <pid>', 'which process, where several run'),
  async () => (await import('./commands/tasks.ts')).tasks,
)
action(
  command('recording', 'switch the recording of a running process on or off', 'of the running process')
    .argument('<on|off>', '`on` or `off`')
    .option('--pid <pid>', 'which process, where several run'),
  async () => (await import('./commands/recording.ts')).recording,
)
action(
  command('doctor', 'what was and was not instrumented, and whether the machine is fit'),
  async () => (await import('./commands/doctor.ts')).doctor,
)
action(command('config', 'every setting, its value and its default'), async () => (await import('./commands/config.ts')).config)
