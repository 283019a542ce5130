import { expect, test } from 'vitest'
import { studentDraw, studentQuantile, studentTails } from '../../../src/analysis/statistics/distributions.ts'
import { seeded } from '../../support/generate-session.ts'

// Two-sided 5 % and 1 % points of Student's distribution, as every table prints them.
test.each([[1, 12.706, 63.657], [2, 4.303, 9.925], [5, 2.571, 4.032], [10, 2.228, 3.169], [30, 2.042, 2.75], [1e6, 1.96, 2.576]])(
  'Student with %d degrees of freedom', (df, five, one) => {
  expect(studentTails(five, df)).toBeCloseTo(0.05, 4)
  expect(studentTails(one, df)).toBeCloseTo(0.01, 4)
  expect(studentQuantile(0.05, df)).toBeCloseTo(five, 3)
}) // prettier-ignore

test('what is drawn has the distribution', () => {
  const random = seeded(1)
  const draws = Array.from({ length: 20_000 }, () => studentDraw(random, 5))
  expect(draws.filter((t) => Math.abs(t) > 2.571).length / draws.length).toBeCloseTo(0.05, 2)
})
