import { PIPELINE_STYLE } from '../ai/pipeline-svg.ts'

const LIGHT = `--page: #f6f6f4; --card: #fff; --raised: #fbfbfa; --text: #1b1f24; --muted: #59626d; --line: #e2e4e7; --strong: #c9cdd2; --accent: #3450c8; --field: #fff;
  --high: #b3261e; --high-soft: #fdeceb; --medium: #8a5a00; --medium-soft: #fdf3dc; --low: #4d5763; --low-soft: #eef0f2; --bad: #b3261e; --good: #1f7a4d; --hit: #fff0b3;
  --http: #3a6fd8; --db: #0e8c92; --ai: #9450cf; --tool: #c27508; --cache: #37924f; --mcp: #c0437c; --messaging: #b5562f; --code: #66717e; --other: #8b949e;
  --p50: #3a6fd8; --p95: #c27508; --p99: #c0392f; --ok: #4f83dd; --in: #9450cf; --out: #d89a2b;
  --s0: #3a6fd8; --s1: #0e8c92; --s2: #c27508; --s3: #9450cf; --s4: #c0437c; --s5: #37924f; --s6: #b5562f; --s7: #66717e;
  --app: #f2a65a; --package: #7fb3a6; --node: #9db7d9; --agent: #c5a9d6; --native: #c3c6ca; --shade: #fff; --frame-text: #1b1d1f; --found: #c77dff;
  --shadow: 0 1px 2px rgb(20 25 35 / .05), 0 4px 16px rgb(20 25 35 / .04)`
const DARK = `--page: #101317; --card: #181c22; --raised: #1d222a; --text: #e6e9ed; --muted: #9ba5b1; --line: #2a3038; --strong: #3d4650; --accent: #93a7ff; --field: #12161b;
  --high: #ff8f87; --high-soft: #3a1d1c; --medium: #f0bd57; --medium-soft: #35290f; --low: #aab3be; --low-soft: #262c34; --bad: #ff8f87; --good: #6fcf97; --hit: #4d4113;
  --http: #6b9bf5; --db: #3fb8bd; --ai: #bd86ee; --tool: #e5a03b; --cache: #62bd7a; --mcp: #e57aa9; --messaging: #df8a62; --code: #8c97a5; --other: #767f8a;
  --p50: #6b9bf5; --p95: #e5a03b; --p99: #f27b72; --ok: #5f90ea; --in: #bd86ee; --out: #e5b95b;
  --s0: #6b9bf5; --s1: #3fb8bd; --s2: #e5a03b; --s3: #bd86ee; --s4: #e57aa9; --s5: #62bd7a; --s6: #df8a62; --s7: #8c97a5;
  --app: #c9742c; --package: #3f8173; --node: #4a6d9c; --agent: #765688; --native: #5a6068; --shade: #000; --frame-text: #f4f5f6; --found: #8e44c9; --shadow: none`

const COLORS: Record<string, string> = {
  http: 'http', db: 'db', ai: 'ai', tool: 'tool', cache: 'cache', mcp: 'mcp', messaging: 'messaging', function: 'code', workflow: 's4', step: 's5', node: 's1', other: 'other',
  p50: 'p50', p95: 'p95', p99: 'p99', ok: 'ok', error: 'bad', in: 'in', out: 'out',
  s0: 's0', s1: 's1', s2: 's2', s3: 's3', s4: 's4', s5: 's5', s6: 's6', s7: 's7',
} // prettier-ignore

/** A class per colour: `c-…` sets `--c`, which backgrounds, fills and strokes take. */
const colorClasses = Object.entries(COLORS)
  .map(([name, variable]) => `.c-${name}{--c:var(--${variable})}`)
  .join('')
const frames = ['app', 'package', 'node', 'agent', 'native'].map((name) => `.legend .f-${name}{background:var(--${name})}`).join('')
const indents = Array.from({ length: 13 }, (_, i) => `.waterfall .d${i}{padding-left:${22 + i * 14}px}`).join('')

/** The style sheet of the report; no element has a style of its own, so that the page's policy need not allow any. */
export const REPORT_STYLE = `
:root { color-scheme: light dark; ${LIGHT} }
@media (prefers-color-scheme: dark) { :root { ${DARK} } }
:root[data-theme=light] { color-scheme: light; ${LIGHT} }
:root[data-theme=dark] { color-scheme: dark; ${DARK} }
${colorClasses}
* { box-sizing: border-box }
html { scroll-padding-top: 16px; -webkit-text-size-adjust: 100% }
@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth } }
body { margin: 0; background: var(--page); color: var(--text); font: 14px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; font-variant-numeric: tabular-nums }
code, pre, kbd { font: 12.5px/1.5 ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace }
a { color: var(--accent); text-underline-offset: 2px }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px }
main:focus { outline: none }
.skip { position: absolute; left: -999px } .skip:focus { left: 12px; top: 8px; background: var(--card); padding: 6px 12px; z-index: 9 }
.layout { display: grid; grid-template-columns: 208px minmax(0, 1fr); max-width: 1560px; margin: 0 auto }
nav { position: sticky; top: 0; align-self: start; height: 100vh; overflow-y: auto; padding: 26px 8px 20px 20px }
.brand { font-weight: 650; letter-spacing: .01em; padding: 0 10px 14px; color: var(--muted) }
nav ul { list-style: none; margin: 0; padding: 0 }
nav a { display: flex; justify-content: space-between; gap: 8px; padding: 5px 10px; border-radius: 7px; color: var(--muted); text-decoration: none }
nav a:hover { color: var(--text); background: var(--low-soft) }
nav a.here { color: var(--text); font-weight: 600; background: var(--low-soft) }
.badge { font-size: 11.5px; font-weight: 500; color: var(--muted) }
.page { padding: 24px 28px 40px 20px; min-width: 0 }
header { margin-bottom: 30px }
.top { display: flex; flex-wrap: wrap; gap: 10px 20px; align-items: center; justify-content: space-between }
h1 { margin: 0; font-size: 24px; line-height: 1.25; font-weight: 650; letter-spacing: -.01em; overflow-wrap: anywhere }
h2 { margin: 0 0 10px; font-size: 17px; font-weight: 650; letter-spacing: -.005em }
.state { display: inline-block; vertical-align: middle; margin-left: 6px; padding: 1px 9px; border-radius: 99px; font-size: 12px; font-weight: 550; letter-spacing: 0; background: var(--low-soft); color: var(--low) }
.state-crashed, .state-unreadable { background: var(--high-soft); color: var(--high) }
.state-live { color: var(--good) }
.about { margin: 3px 0 0; color: var(--muted); overflow-wrap: anywhere }
h2 + .about { margin: -8px 0 12px }
.problem { margin: 12px 0 0; padding: 8px 12px; border-radius: 8px; background: var(--medium-soft); color: var(--medium) }
.tools { display: flex; flex-wrap: wrap; gap: 8px; align-items: center }
input, button { font: inherit; color: inherit; background: var(--field); border: 1px solid var(--strong); border-radius: 8px; padding: 5px 11px; min-height: 34px }
input { width: 210px } input::placeholder { color: var(--muted); opacity: 1 }
button { cursor: pointer } button:hover { border-color: var(--muted) }
#found { color: var(--muted); min-width: 0 } #found:empty { display: none }
#theme { width: 36px; padding: 0; font-size: 16px }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(132px, 1fr)); gap: 12px; margin-top: 18px }
.tile { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 12px 15px 11px; box-shadow: var(--shadow); display: flex; flex-direction: column; min-width: 0 }
.tile span { color: var(--muted); font-size: 12.5px } .tile b { font-size: 24px; line-height: 1.3; font-weight: 620; letter-spacing: -.015em }
.tile small { font-size: 12.5px; color: var(--muted) } .tile.tone-bad b { color: var(--bad) }
section { margin: 0 0 34px; scroll-margin-top: 16px }
.note { color: var(--muted); font-weight: 400; font-size: 12.5px } .bad { color: var(--bad); font-weight: 600 } .good { color: var(--good); font-weight: 600 }
.pipeline { --box: var(--raised); --edge: var(--muted); --dim: var(--muted); --error: var(--bad); --workflow: var(--s4); --step: var(--s5); --node: var(--s1); display: block } .picture { padding: 14px 16px } .picture + h3 { display: none }
${PIPELINE_STYLE}
.pipeline .box { stroke: var(--strong) }
details > summary { cursor: pointer; list-style: none } details > summary::-webkit-details-marker { display: none }
.finding, .trace { background: var(--card); border: 1px solid var(--line); border-radius: 10px; box-shadow: var(--shadow); margin-bottom: 8px; overflow: clip }
.finding > summary { display: grid; grid-template-columns: 66px minmax(0, 1fr) auto; gap: 4px 14px; align-items: baseline; padding: 10px 16px }
.finding > summary:hover, .trace > summary:hover { background: var(--raised) }
.sev { justify-self: start; font-size: 12px; font-weight: 600; padding: 1px 8px; border-radius: 99px; background: var(--low-soft); color: var(--low) }
.sev-high .sev { background: var(--high-soft); color: var(--high) } .sev-medium .sev { background: var(--medium-soft); color: var(--medium) }
.finding .title, .trace .title { overflow-wrap: anywhere; font-weight: 520 }
.finding:not([open]) .title { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden }
.costs { display: flex; flex-wrap: wrap; gap: 0 12px; justify-content: flex-end; color: var(--muted); font-size: 12.5px } .costs b { color: var(--text); font-weight: 600 }
.body { padding: 4px 16px 14px 96px; border-top: 1px solid var(--line) }
.advice { max-width: 78ch } .advice code, .about code, .command code, dd code { background: var(--low-soft); padding: 1px 5px; border-radius: 5px; overflow-wrap: anywhere }
dl { display: grid; grid-template-columns: repeat(auto-fill, minmax(210px, 1fr)); gap: 8px 20px; margin: 12px 0 }
dt { color: var(--muted); font-size: 12.5px } dd { margin: 0; overflow-wrap: anywhere }
.command { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; margin: 10px 0 }
.command code { padding: 5px 10px } .command button { min-height: 28px; padding: 2px 10px; font-size: 12.5px }
.query summary { color: var(--muted); font-size: 12.5px } .query summary::before { content: "▸ " } .query[open] summary::before { content: "▾ " }
pre { margin: 6px 0; padding: 10px 12px; background: var(--raised); border: 1px solid var(--line); border-radius: 8px; white-space: pre-wrap; overflow-wrap: anywhere; max-height: 300px; overflow: auto }
.charts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 430px), 1fr)); gap: 14px; margin-bottom: 14px }
.chart { margin: 0; padding: 13px 16px 8px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); position: relative; min-width: 0; display: flex; flex-direction: column }
figcaption { display: flex; flex-wrap: wrap; gap: 0 8px; align-items: baseline; margin-bottom: 8px } figcaption b { font-weight: 620 }
.key { display: flex; flex-wrap: wrap; gap: 0 12px; margin-left: auto; font-size: 12.5px; color: var(--muted) }
.key i, .layer i, .name > i, .legend i, #tip i { display: inline-block; width: 9px; height: 9px; border-radius: 2.5px; background: var(--c); margin-right: 6px }
.plot { margin-top: auto; display: grid; grid-template-columns: 56px minmax(0, 1fr) }
.plot svg { display: block; overflow: visible } .plot .area { width: 100% } .plot .x { grid-column: 2; width: 100% }
.plot text { font-size: 11.5px; fill: var(--muted) } .y text { text-anchor: end } .x text { text-anchor: middle } .x .first { text-anchor: start } .x .last { text-anchor: end }
.grid { stroke: var(--line); stroke-width: 1; vector-effect: non-scaling-stroke; shape-rendering: crispEdges }
.line { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round; stroke-linecap: round; vector-effect: non-scaling-stroke }
.dot { fill: none; stroke: var(--c); stroke-width: 5; stroke-linecap: round; vector-effect: non-scaling-stroke }
.fill { fill: var(--c) } .cursor { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 3 3; vector-effect: non-scaling-stroke }
#tip { position: fixed; z-index: 8; pointer-events: none; max-width: 300px; padding: 8px 12px; background: var(--card); border: 1px solid var(--strong); border-radius: 8px; box-shadow: 0 6px 24px rgb(0 0 0 / .16); font-size: 12.5px }
#tip p { margin: 0; display: flex; gap: 18px; justify-content: space-between } #tip p:first-child { color: var(--muted) }
.share { display: block; width: 100%; height: 22px; border-radius: 7px; overflow: hidden; margin-bottom: 12px } .share rect { fill: var(--c); stroke: var(--page); stroke-width: 1.5 }
.scroll { overflow-x: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); margin-bottom: 14px }
table { border-collapse: collapse; width: 100% }
caption { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%) }
.data th, .data td { padding: 6px 12px; text-align: left; vertical-align: top; white-space: nowrap } .data .n { text-align: right }
.data .w { white-space: normal; overflow-wrap: anywhere; min-width: 180px; width: 40% }
.data th { font-size: 12.5px; font-weight: 550; color: var(--muted); border-bottom: 1px solid var(--line) } .data tbody tr + tr td { border-top: 1px solid var(--line) } .data tbody tr:hover { background: var(--raised) }
.data th button { all: unset; cursor: pointer } .data th button:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; border-radius: 4px } .data th[aria-sort] { color: var(--text) } th[aria-sort=descending] button::after { content: " ↓" } th[aria-sort=ascending] button::after { content: " ↑" }
.data tbody tr:first-child td:first-child { border-top-left-radius: 12px }
.cellbar { display: block; width: 100%; min-width: 60px; height: 4px; margin-top: 3px; border-radius: 2px; background: var(--low-soft); overflow: hidden } .cellbar rect { fill: var(--c) }
.trace > summary { display: flex; flex-wrap: wrap; gap: 2px 14px; align-items: baseline; padding: 9px 16px } .trace .time { min-width: 66px } .trace > summary .note { margin-left: auto }
.more > summary { color: var(--accent); padding: 6px 2px } h3 { font-size: 14px; font-weight: 600; margin: 18px 0 8px; color: var(--muted) } h3.caption { display: none } #process h3.caption, #heap h3.caption, #cpu h3.caption, #ai h3.caption { display: block } .spark, .lane { display: block; width: 140px; height: 20px } .spark rect, .lane rect { fill: var(--c) } .lane { width: 100%; min-width: 200px; height: 18px } .stage { white-space: nowrap } ${[1, 2, 3, 4].map((i) => `.s${i}{padding-left:${i * 16}px}`).join('')}
.scroll + .note, .scroll + .note ~ .note { margin: -8px 4px 14px }
.trace[open] > summary { border-bottom: 1px solid var(--line) } .trace > p { margin: 8px 16px 12px }
.waterfall th { font-size: 12px; font-weight: 500; color: var(--muted); text-align: left; padding: 5px 10px } .waterfall td { padding: 2px 10px; vertical-align: middle; height: 24px }
.waterfall .n { text-align: right; white-space: nowrap; width: 78px } .waterfall .name { width: 38% } .waterfall .name > span { overflow-wrap: anywhere } .waterfall .name > i { position: relative } .waterfall .when { padding-right: 16px }
th.when { display: flex; justify-content: space-between } .times { color: var(--muted) }
${indents}
.waterfall tr[aria-expanded] .name { cursor: pointer } .waterfall tr[aria-expanded] .name > i::before { content: ""; position: absolute; left: -13px; top: 1px; border: 4px solid transparent; border-left-color: var(--muted) }
.waterfall tr[aria-expanded=true] .name > i::before { border-left-color: transparent; border-top-color: var(--muted); left: -15px; top: 3px }
.waterfall tbody tr:hover td, .waterfall tbody tr:focus td { background: var(--raised) } .waterfall tbody tr:focus { outline: 2px solid var(--accent); outline-offset: -2px }
.bar { display: block; width: 100%; height: 16px } .bar rect { fill: var(--c) } .bar .many { opacity: .55 } .bar .open { opacity: .35 } .bar .error { fill: var(--bad) }
.waterfall .detail td { padding: 4px 16px 12px 36px; height: auto; background: var(--raised) } .detail dl { margin: 4px 0; grid-template-columns: repeat(auto-fill, minmax(260px, 1fr)) } .detail dd { font: 12.5px/1.5 ui-monospace, Menlo, Consolas, monospace }
.hit, .hit > td { background: var(--hit) !important }
.flame { background: var(--card); border: 1px solid var(--line); border-radius: 12px; box-shadow: var(--shadow); padding: 12px 16px; margin-bottom: 14px }
.legend { display: flex; flex-wrap: wrap; gap: 2px 14px; margin-left: auto; color: var(--muted); font-size: 12.5px }
#flame { margin-top: 10px; overflow: hidden; max-height: 640px; overflow-y: auto } #flame-details { margin: 8px 0 0; color: var(--muted); min-height: 1.5em; overflow-wrap: anywhere }
#flame .frame rect { stroke: var(--card); stroke-width: 1; rx: 2 } #flame .frame:hover rect, #flame .frame.current rect { stroke: var(--text); cursor: pointer } #flame .fade { opacity: .55 }
.d3-flame-graph-label { font-size: 12px; line-height: 20px; padding: 0 5px; color: var(--frame-text); white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
${frames}
footer { color: var(--muted); font-size: 12.5px } kbd { border: 1px solid var(--strong); border-radius: 4px; padding: 0 4px; background: var(--card) }
:root:not([data-js]) .js { display: none }
@media (max-width: 960px) {
  .layout { display: block } .brand { display: none } .page { padding: 16px }
  nav { height: auto; padding: 6px 10px; background: var(--page); border-bottom: 1px solid var(--line); z-index: 5; overflow-x: auto } nav ul { display: flex; gap: 2px; width: max-content } nav a { padding: 7px 10px }
  html { scroll-padding-top: 60px } section { scroll-margin-top: 60px }
}
@media (max-width: 620px) {
  .finding > summary { grid-template-columns: auto minmax(0, 1fr) } .costs { grid-column: 1 / -1; justify-content: flex-start } .body { padding-left: 16px }
  .waterfall thead, .waterfall .own { display: none } .waterfall tr { display: grid; grid-template-columns: minmax(0, 1fr) auto; border-bottom: 1px solid var(--line) } .waterfall .name { width: auto; height: auto } .waterfall .when { grid-column: 1 / -1; padding: 0 10px 4px 22px; height: 18px } .waterfall .detail { display: block }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)) } .tile b { font-size: 20px } .trace > summary .note { margin-left: 0 } input { width: 150px } .charts { grid-template-columns: minmax(0, 1fr) } .chart { padding: 12px 12px 6px }
}
@media print {
  :root, :root[data-theme=dark] { color-scheme: light; ${LIGHT} } body, .note, .costs, .about, dt, .costs b, .tile span, .tile small, .key, .data th, .waterfall th, .legend { font-size: 10.5px } body { background: #fff } .layout { display: block } nav, .tools, .skip, .command button, #tip, footer kbd { display: none !important }
  .finding, .chart, .tile, tr { break-inside: avoid } .finding, .trace, .chart, .tile, .scroll { box-shadow: none } h2, h3, .about, .trace > summary { break-after: avoid } .page { padding: 0 } .scroll { overflow: visible } .data th, .data td { padding: 4px 6px } .data .w { min-width: 0 } .layer { white-space: nowrap } .data td { white-space: normal; overflow-wrap: anywhere } .data .n, .data th { white-space: nowrap; overflow-wrap: normal } .cellbar { min-width: 0; max-width: 60px; margin-left: auto } .lane { min-width: 80px } .pipeline { max-width: 100%; height: auto }
  .charts { grid-template-columns: 1fr 1fr; gap: 8px } .chart { padding: 8px 10px 4px } .tiles { grid-template-columns: repeat(auto-fit, minmax(84px, 1fr)); gap: 8px } .tile { padding: 8px 10px } .tile b { font-size: 16px } .body { padding-left: 16px } dl { grid-template-columns: repeat(auto-fill, minmax(140px, 1fr)); margin: 8px 0 }
  code, pre { font-size: 10px } pre { max-height: none } * { print-color-adjust: exact }
}
`
