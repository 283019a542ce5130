// Vitest reporter that counts and explains: every skip with its reason, then the numbers for `scripts/test.mjs`.
import { writeFileSync } from 'node:fs'

export default class TestReporter {
  onTestRunEnd(modules, unhandledErrors) {
    const counts = { passed: 0, failed: unhandledErrors.length, skipped: [] }
    for (const module of modules) countModule(module, counts)
    for (const { name, reason } of counts.skipped) console.log(`skipped: ${name}${reason ? ` (${reason})` : ''}`)
    const file = process.env.PERF_TEST_COUNTS
    if (file) writeFileSync(file, JSON.stringify(counts))
  }
}

function countModule(module, counts) {
  counts.failed += module.errors().length
  for (const suite of module.children.allSuites()) counts.failed += suite.errors().length
  for (const test of module.children.allTests()) {
    const result = test.result()
    if (result.state === 'passed') counts.passed++
    else if (result.state === 'skipped' && !followsFailure(test)) {
      counts.skipped.push({ name: `${module.relativeModuleId} > ${test.fullName}`, reason: result.note ?? '' })
    } else counts.failed++
  }
}

/** A failed `beforeAll` makes vitest skip the tests it was for. */
function followsFailure(test) {
  for (let parent = test.parent; parent !== undefined; parent = parent.parent) if (parent.errors?.().length > 0) return true
  return test.module.errors().length > 0
}
