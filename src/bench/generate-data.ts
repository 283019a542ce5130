import type { Random } from './random.ts'

/** A record as apps have them: nested, with a list, and a field that is not always there. */
export interface BenchRecord {
  id: number
  name: string
  active: boolean
  score: number | null
  createdAt: string
  tags: string[]
  address: { city: string; zip: string; position: { lat: number; lon: number } }
  note?: string
}

// Words of several scripts and lengths: what a function does to ASCII it may not do to the others.
const WORDS = (
  'the of order customer invoice search latency database request response index cache token model prompt stream worker queue retry ' +
  'timeout budget naïve façade Größe Übung Straße jalapeño Ελλάδα Москва данные 東京 検索 데이터 数据库 مرحبا 🚀 👩‍💻 ✅ v2.10 42 3.14 user_id ' +
  'https://example.com/a?b=c foo@example.com'
).split(' ')
const CITIES = ['Berlin', 'Zürich', 'São Paulo', 'Kraków', '東京', 'New York', 'Αθήνα', 'Oslo']

/** So many words, separated by blanks. */
export function wordsOf(random: Random, count: number): string {
  return Array.from({ length: count }, () => random.pick(WORDS)).join(' ')
}

/** The record with number `i`. */
export function recordOf(random: Random, i: number): BenchRecord {
  const record: BenchRecord = {
    id: i + 1,
    name: wordsOf(random, 2),
    active: random.next() < 0.7,
    score: random.next() < 0.1 ? null : Math.round(random.next() * 10_000) / 100,
    createdAt: new Date(1_700_000_000_000 + random.integer(0, 31_536_000) * 1000).toISOString(),
    tags: Array.from({ length: random.integer(0, 5) }, () => random.pick(WORDS)),
    address: {
      city: random.pick(CITIES),
      zip: String(random.integer(10_000, 99_999)),
      position: { lat: random.integer(-9000, 9000) / 100, lon: random.integer(-18_000, 18_000) / 100 },
    },
  }
  if (random.next() < 0.3) record.note = wordsOf(random, random.integer(3, 15))
  return record
}

/** A prompt of `length` UTF-16 units, one less where a character would be cut in two: instructions, then documents, code, tables and messages in turn. */
export function promptOf(random: Random, length: number): string {
  const parts = ['You answer questions about the documents below. Quote the place. Say so when they do not hold the answer.\n']
  const sections = [documentOf, codeOf, tableOf, messageOf]
  for (let i = 0, size = 0; size < length; i++) {
    const part = (sections[i % sections.length] as (typeof sections)[number])(random, i + 1)
    parts.push(part)
    size += part.length
  }
  return parts
    .join('\n')
    .slice(0, length)
    .replace(/[\ud800-\udbff]$/, '')
}

const sentence = (random: Random): string => {
  const words = wordsOf(random, random.integer(5, 18))
  return `${words.charAt(0).toUpperCase()}${words.slice(1)}.`
}

const documentOf = (random: Random, i: number): string =>
  `## Document ${i}: ${wordsOf(random, 3)}\n\n${Array.from({ length: random.integer(3, 8) }, () => sentence(random)).join(' ')}\n`

const codeOf = (random: Random, i: number): string =>
  `\`\`\`ts\nexport function step${i}(input: string[]): number {\n  const limit = ${random.integer(1, 500)}\n  return input.filter((one) => one.length > limit).length\n}\n\`\`\`\n`

const tableOf = (random: Random): string =>
  `| id | city | score |\n|---|---|---|\n${Array.from({ length: random.integer(3, 10) }, (_, i) => `| ${i} | ${random.pick(CITIES)} | ${random.integer(0, 100)} |`).join('\n')}\n`

const messageOf = (random: Random): string => `user: ${sentence(random)}\nassistant: ${sentence(random)}\n`
