// The script of the page that `perf-agent report --html` writes. Everything it shows is in the page; it loads nothing.
import { pointAtCharts, type ChartData } from './chart-cursor.ts'
import { findInPage } from './find.ts'
import { flameSection } from './flame.ts'
import { followSections } from './sections.ts'
import { sortableTables } from './sort.ts'
import { themeButton } from './theme.ts'
import { treegrids } from './treegrid.ts'
import type { FlameNode } from '../flame/chart.ts'

interface PageData {
  charts: Record<string, ChartData>
  attributes: Record<string, Record<string, string>>
  flame: FlameNode | null
}

document.documentElement.dataset['js'] = ''
const data = JSON.parse(document.getElementById('data')?.textContent ?? '{}') as PageData
const flame = flameSection(data.flame)
themeButton(() => flame?.redraw())
pointAtCharts(data.charts)
treegrids(data.attributes)
sortableTables()
followSections()
findInPage((term) => flame?.search(term))
