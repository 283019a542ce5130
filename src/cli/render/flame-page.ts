import type { FlameNode } from '../../analysis/cpu/flame-tree.ts'
import { flameLegend } from './html/flame-legend.ts'
import { escaped, jsonInScript } from './html/markup.ts'
import { pageScript, pageStart } from './html/page-script.ts'

/** What the flame graph page shows. */
export interface FlamePage {
  title: string
  /** One line under the title. */
  subtitle: string
  tree: FlameNode
  isComparison: boolean
}

/** The whole page as one HTML text that needs nothing else. */
export function flamePage({ title, subtitle, tree, isComparison }: FlamePage): string {
  const script = pageScript('flame-page')
  return `${pageStart({ title, style: STYLE, script })}
<header>
<h1>${escaped(title)}</h1>
<p>${escaped(subtitle)}</p>
<div class="tools">
<input id="search" type="search" placeholder="Find a function or file" aria-label="Find a function or file">
<button id="reset" type="button">Reset zoom</button>
<span id="found" role="status"></span>
${flameLegend(isComparison).markup}
</div>
</header>
<main><div id="graph" tabindex="0" role="application" aria-label="Flame graph. Arrows move between frames, Enter zooms in, Escape zooms out."></div></main>
<footer id="details">Wide is costly. Point at a function to see its time, click to zoom in.</footer>
<script id="data" type="application/json">${jsonInScript({ tree, isComparison })}</script>
<script>${script}</script>
</body>
</html>
`
}

const STYLE = `
:root { --page: #fbfbfa; --text: #22262a; --muted: #626a73; --line: #d9dcdf; --field: #fff; --app: #f2a65a; --package: #7fb3a6; --node: #9db7d9; --agent: #c5a9d6;
  --native: #c3c6ca; --shade: #fff; --frame-text: #1b1d1f; --found: #c77dff; --more: #e5534b; --less: #4c8dd8; --same: #d5d7da }
@media (prefers-color-scheme: dark) {
  :root { --page: #17191c; --text: #e4e6e8; --muted: #9aa2ab; --line: #33383e; --field: #202327; --app: #c9742c; --package: #3f8173; --node: #4a6d9c; --agent: #765688;
    --native: #5a6068; --shade: #000; --frame-text: #f4f5f6; --found: #8e44c9; --more: #c23d36; --less: #2f6fb8; --same: #43484e }
}
* { box-sizing: border-box }
body { margin: 0; min-height: 100vh; display: flex; flex-direction: column; background: var(--page); color: var(--text);
  font: 14px/1.45 system-ui, -apple-system, "Segoe UI", sans-serif }
header { padding: 16px 20px 12px }
h1 { margin: 0; font-size: 17px; font-weight: 600; overflow-wrap: anywhere }
p { margin: 2px 0 0; color: var(--muted) }
.tools { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: center; margin-top: 12px }
input, button { font: inherit; color: inherit; background: var(--field); border: 1px solid var(--line); border-radius: 6px; padding: 5px 10px }
input { width: 260px; max-width: 100% }
button { cursor: pointer }
#found, .legend { color: var(--muted) }
.legend { display: flex; flex-wrap: wrap; gap: 4px 14px; margin-left: auto }
.legend i { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px }
main { flex: 1; padding: 0 20px 20px }
footer { position: sticky; bottom: 0; padding: 8px 20px; background: var(--page); border-top: 1px solid var(--line); color: var(--muted);
  overflow-wrap: anywhere; min-height: 38px }
svg { display: block }
.f-app { background: var(--app) } .f-package { background: var(--package) } .f-node { background: var(--node) } .f-agent { background: var(--agent) } .f-native { background: var(--native) }
.f-more { background: var(--more) } .f-less { background: var(--less) } .f-same { background: var(--same) }
.frame rect { stroke: var(--page); stroke-width: 1; rx: 2 }
.frame:hover rect, .frame.current rect { stroke: var(--text); cursor: pointer }
.fade { opacity: .55 }
.d3-flame-graph-label { font-size: 12px; line-height: 20px; padding: 0 5px; color: var(--frame-text); white-space: nowrap; overflow: hidden;
  text-overflow: ellipsis }
`
