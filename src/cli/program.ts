import { Command, Option, type Argument } from 'commander'
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
  // With `[options]` the longest name leaves no room for its description in 80 columns.
  .configureHelp({ subcommandTerm: (one) => [one.name(), ...one.registeredArguments.map(termOf)].join(' ') })

/** A command with the common options whose code is loaded when it runs. */
function command(
  spec: string,
  description: string,
  sessionHelp = 'name, start of a name, folder, `last`, `last~1`, or `tag:<tag>`',
): Command {
  return program
    .command(spec)
    .description(description)
    .option('--json', 'print JSON')
    .option('--dir <folder>', 'folder of the sessions (default: PERF_DIR or .perf)')
    .option('--session <session>', `which session: ${sessionHelp}`)
    .exitOverride()
    .configureOutput({ writeErr: () => {} })
}

function termOf(argument: Argument): string {
  const name = `${argument.name()}${argument.variadic ? '...' : ''}`
  return argument.required ? `<${name}>` : `[${name}]`
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
    .option('--tags <tags>', 'tags of the session, with commas')
    .option('--tools <globs>', 'functions to record as tools, e.g. "src/tools/**#*"')
    .addOption(new Option('--capture <mode>', 'keep contents').choices(['off', 'preview', 'full']))
    .option('--cpu [interval]', 'record a CPU profile')
    .option('--report', 'print the report when the program has ended')
    .passThroughOptions(),
  async () => (await import('./commands/run.ts')).run,
)
action(
  command('sessions', 'list the recorded sessions; `sessions tag last nightly keep` and `sessions untag last keep` change tags')
    .argument('[words...]', '`tag` or `untag`, a session and tags')
    .option('--tag <tag>', 'only sessions with this tag')
    .option('--limit <n>', 'how many', '20'),
  async () => (await import('./commands/sessions.ts')).sessions,
)
action(
  command(
    'archive',
    'pack finished sessions: Parquet files instead of database and hot store; every command still reads them',
    'the same as the argument',
  )
    .argument('[sessions...]', 'which sessions')
    .option('--older <duration>', 'every session older than this, e.g. 7d')
    .option('--restore', 'unpack them again'),
  async () => (await import('./commands/archive.ts')).archive,
)
action(
  command(
    'prune',
    'remove sessions beyond limits: too old, too many, too large; never one that runs or is tagged `keep`',
    'remove this one',
  )
    .option('--older <duration>', 'those that began longer ago, e.g. 30d')
    .option('--keep <n>', 'never one of the newest n; alone: all beyond them')
    .option('--max-size <size>', 'the oldest, until the rest fits, e.g. 5GB')
    .option('--dry-run', 'only say what would go, and why'),
  async () => (await import('./commands/prune.ts')).prune,
)
action(
  command('report', 'what ran, where the time went, what was slow, what failed')
    .option('--limit <n>', 'rows per table (default 10, with --html 30)')
    .addOption(new Option('--format <format>', 'for people, or for an assistant').choices(['text', 'md', 'json']))
    .option('--html [file]', 'write one HTML file with charts, waterfalls and the flame graph, to be opened offline')
    .option('--budget <tokens>', 'with md or json: at most so many tokens, what matters most first (default for md: 4000)')
    .option('--ai', 'the AI pages: models, conversations, routing, rewards, several models for one question, scores')
    .option('--conversation <id>', 'the course of one conversation')
    .option('--pipeline <name>', 'the stages of a pipeline, with times and sizes')
    .option('--svg <file>', 'with --pipeline: a picture of it'),
  async () => (await import('./commands/report.ts')).report,
)
action(
  command('score', 'quality of answers and tools: runs the scorers (docs/ai.md), compares with earlier sessions; 1 when it dropped')
    .option('--scorers <list>', 'which, with weights: default, latency(2s):0.5, ./scorers.js#tone (default: PERF_SCORERS)')
    .option('--limit <n>', 'calls to score at most', '2000')
    .option('--again', 'also where the session holds these scores already'),
  async () => (await import('./commands/score.ts')).score,
)
action(
  command('findings', 'what to change: every finding, the costliest first')
    .option('--kind <kind>', 'only this kind')
    .option('--limit <n>', 'how many', '30'),
  async () => (await import('./commands/findings.ts')).findings,
)
action(
  command(
    'queue',
    'what is left to do over all sessions, what saves most first; `queue show ID`, `queue done ID`',
    'look through this one only',
  )
    .argument('[words...]', '`show` or `done`, and an id')
    .option('--all', 'what is done or closed, too')
    .option('--limit <n>', 'how many', '20')
    .option('--sessions <n>', 'how many of the newest sessions are looked through', '10')
    .option('--no-refresh', 'do not look through new sessions first')
    .addOption(new Option('--format <format>', 'for people, or for an assistant').choices(['text', 'md', 'json'])),
  async () => (await import('./commands/queue.ts')).queue,
)
action(
  command('optimize', 'hand one of the queue to a command, and keep its change when the tests pass and a benchmark is faster')
    .argument('[words...]', 'id of the queue, then `--` and the command: it reads what there is to know from its standard input')
    .addOption(new Option('--format <format>', 'what the command reads').choices(['md', 'json']).default('md'))
    .option('--test <command>', 'the tests (default: npm test)')
    .option('--no-test', 'without tests')
    .option('--bench <command>', 'a program that runs the code and ends (default: the command that was recorded)')
    .option('--rounds <n>', 'how often the benchmark runs before and after', '10')
    .option('--timeout <time>', 'of the command, and of each run of tests and benchmark (default: 30m, of the benchmark 2m)')
    .option('--exclude <folders...>', 'not copied, and not put back')
    .option('--max-copy <MB>', 'the project may be so large', '2048')
    .option('--packet', 'only print what the command would read')
    .option('--restore', 'put back what a killed optimize had changed')
    .option('--discard', 'keep what a killed optimize had changed'),
  async () => (await import('./commands/optimize.ts')).optimize,
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
  command('compare', 'what got slower, faster or costlier: two sessions, commits, tags, variants, models or flags', 'only this one')
    .argument(
      '[selections...]',
      '`last~1`, a session, `tag:x`, `commit:abc`, `model:m`, `variant:hash`, `flag:NAME=value`; with commas between, all of them',
    )
    .option('--by <dimension>', '`name` (default), `layer`, `route`, `model`, `query`, `variant`, `session`, `error`')
    .option(
      '--variants <name>',
      'every recorded version of a function (`search`, `tool.search`), each against the one before, with what changed in it',
    )
    .option('--same-within <share>', 'differences up to this are none', '5%')
    .addOption(new Option('--fail-on <what>', 'exit code 1 when something got slower, or worse in anything').choices(['slower', 'worse']))
    .option('--limit <n>', 'rows', '20'),
  async () => (await import('./commands/compare.ts')).compare,
)
action(
  command('trends', 'how each name went over the sessions of a service, and where it changed', 'the newest to look at')
    .option('--service <name>', 'which service (default: that of the last session)')
    .option('--name <name>', 'one name in full: `search`, `tool.search`')
    .option('--metric <metric>', '`p50`, `p95`, `p99`, `mean`, `error_rate`, `calls`, `cost`, `tokens`', 'p95')
    .option('--last <n>', 'so many sessions', '30')
    .option('--same-within <share>', 'changes up to this are none', '5%')
    .option('--limit <n>', 'names', '20'),
  async () => (await import('./commands/trends.ts')).trends,
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
    .option('--pid <pid>', 'which process, where several run')
    .option('--thread <id>', 'heap snapshot of this worker thread'),
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
  command(
    'bench',
    'measure benchmark files, combinations of flags, or commands against each other (docs/bench.md)',
    'folder or name for the new session',
  )
    .argument('[files...]', 'files that call benchmark() of @perf/agent/bench; behind `--` a command instead')
    .option('--rounds <n>', 'turns of each implementation (default 20), command (10) or combination (5)')
    .option('--time <ms>', 'milliseconds of measuring for each implementation and scenario (default 1000)')
    .option('--seed <text>', 'of the generated data (default 1)')
    .option('--workers <n>', 'so many processes of each file at once, merged')
    .option('--flags <names>', 'every on/off combination of these environment variables: CACHE,BATCH or CACHE=yes/no')
    .option('--a <command>', 'the first of two commands, run in turns')
    .option('--b <command>', 'the second one')
    .option('--same-within <percent>', 'up to so much is no difference (default 2)')
    .addOption(new Option('--fail-on <verdict>', 'exit code 1 also when something is slower than the first').choices(['slower']))
    .option('--no-record', 'without the agent'),
  async () => (await import('./commands/bench.ts')).bench,
)
action(
  command('audit', 'hold a session against thresholds (perf.config.json); exit 1 when one is not kept (docs/audit.md)')
    .argument('[command...]', 'after `--`: run it first, without and with the agent; both must end and test the same')
    .option('--baseline-runs <n>', 'with a command: runs without the agent; with two or more, flaky tests are told apart', '1')
    .option('--results <files...>', 'with a command: read its test results from these files (JUnit XML, JSON, TAP)')
    .option('--quiet', 'with a command: do not show its output')
    .option('--junit <file>', 'write the checks as JUnit XML')
    .option('--sarif <file>', 'write what is not kept as SARIF 2.1.0')
    .option('--github', 'annotations for GitHub Actions, and a summary of the step')
    .option('--config <file>', 'instead of perf.config.json of this folder')
    .option('--learn', 'propose thresholds from earlier sessions of the service')
    .option('--write', 'with --learn: put them into perf.config.json')
    .option('--margin <percent>', 'with --learn: how far above what was seen', '20')
    .option('--min-sessions <n>', 'with --learn: sessions it takes', '5')
    .option('--min-calls <n>', 'with --learn: calls in a session it takes', '20')
    .passThroughOptions(),
  async () => (await import('./commands/audit.ts')).audit,
)
action(
  command(
    'load',
    'send many requests to a URL: how fast the answers come, what fails, and with --stress where the limit is',
    'of the server (default: those that were written meanwhile)',
  )
    .argument('<url>', 'what to request')
    .option('-c, --connections <n>', 'at most so many requests at a time (10; with --rate or --stress 512)')
    .option('--rate <n>', 'requests per second, evenly spaced; without it as fast as answers come')
    .option('--ramp <duration>', 'grow from nothing for so long', '0s')
    .option('--duration <duration>', 'how long', '10s')
    .option('--timeout <duration>', 'how long to wait for an answer', '10s')
    .option('-X, --method <method>', 'GET, or POST with a body')
    .option('-H, --header <header...>', "'Name: value', as often as needed")
    .option('--body <text>', 'what to send; @file for the content of a file')
    .option('--p99 <duration>', 'limit: 99 of 100 answers come within it')
    .option('--errors <percent>', 'limit: at most so many fail (status 400 or more, or no answer), e.g. 1%')
    .option('--stress', 'steps with more and more connections (with --rate: requests) until a limit breaks (default: 500ms and 1%)')
    .option('--step <duration>', 'with --stress: how long each step takes', '5s'),
  async () => (await import('./commands/load.ts')).load,
)
action(
  command('doctor', 'what was and was not instrumented, and whether the machine is fit'),
  async () => (await import('./commands/doctor.ts')).doctor,
)
action(command('config', 'every setting, its value and its default'), async () => (await import('./commands/config.ts')).config)
