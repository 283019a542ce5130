// Secrets that show by their own form, and the text around them. A pattern runs only on text that holds one of its triggers.

export const REDACTED = 'REDACTED'

export interface SecretPattern {
  /** Three or more characters, one of which stands in every match; case does not matter. */
  triggers: readonly string[]
  /** Another part of every match, looked for before the pattern runs. */
  requires?: string
  pattern: RegExp
  replacement: string
}

/** `scheme://user:password@host`; in a database's URL the password may hold `/`, `#` and `?`. */
const credentialsInUrls: SecretPattern[] = [
  {
    triggers: ['://'],
    requires: '@',
    pattern:
      /\b((?:postgres(?:ql)?|mysqlx?|mariadb|mongodb|rediss?|valkeys?|amqps?|mssql|sqlserver|oracle|clickhouse|cockroachdb|cassandra|neo4j|bolt|nats|mqtts?|smtps?|ldaps?|ftps?|sftp|kafka|couchbases?|influxdb|libsql)(?:\+[a-z0-9]+)*:\/\/)[^\s"'<>:@/\\]*:[^\s"'<>\\]*@/gi,
    replacement: `$1${REDACTED}:${REDACTED}@`,
  },
  {
    triggers: ['://'],
    requires: '@',
    pattern: /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'<>:@\\]*:[^\s/?#"'<>\\]*@/gi,
    replacement: `$1${REDACTED}:${REDACTED}@`,
  },
  {
    triggers: ['://'],
    requires: '@',
    pattern: /(?<![a-z0-9+.-])([a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'<>:@\\]+@/gi,
    replacement: `$1${REDACTED}@`,
  },
  {
    triggers: ['@tc', '@un'],
    requires: '@',
    pattern: /(?<![\w.-])[\w.-]{1,100}:[^\s@]{1,200}@((?:tcp|unix)\()/g,
    replacement: `${REDACTED}:${REDACTED}@$1`,
  },
]

const authorizationSchemes: SecretPattern[] = [
  { triggers: ['bearer'], pattern: /\b(bearer\s+)[\w.~+/=:-]{8,}/gi, replacement: `$1${REDACTED}` },
  { triggers: ['basic'], pattern: /\b([Bb]asic\s+|BASIC\s+)(?=\S+[A-Z0-9=])[\w+/=-]{6,}/g, replacement: `$1${REDACTED}` },
]

const privateKeys: SecretPattern[] = [
  {
    triggers: ['-----'],
    pattern: /-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----[^]*?(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)/g,
    replacement: REDACTED,
  },
  { triggers: ['PuTTY'], pattern: /PuTTY-User-Key-File-[^]*?(?:Private-MAC: \w+|$)/g, replacement: REDACTED },
]

/** Tokens with a prefix of their own: the prefix, what follows it, and a trigger where the prefix begins like a common word. */
const TOKENS: readonly (readonly [prefix: string, rest: string, trigger?: string])[] = [
  ['eyJ', '[\\w-]{8,}(?:\\.[\\w-]*)+'], ['eyJ', '[\\w+/-]{24,}={0,2}'], // JWT and JWE; base64 of JSON
  ['sk-', '[\\w-]{16,}'], // OpenAI, Anthropic, OpenRouter, DeepSeek, Langfuse
  ['sk_', '(?:live|test|org|prod)_[\\w-]{10,}'], ['sk_', '[a-zA-Z0-9]{24,}'], // Stripe, Clerk, ElevenLabs
  ['rk_', '(?:live|test)_\\w{10,}'], ['pk_', '(?:live|test)_\\w{10,}'], ['whsec_', '[\\w+/=-]{16,}'],
  ['ghp_', '\\w{20,}'], ['gho_', '\\w{20,}'], ['ghu_', '\\w{20,}'], ['ghs_', '\\w{20,}'], ['ghr_', '\\w{20,}'], ['github_pat_', '\\w{20,}', 'at_'],
  ['glpat-', '[\\w-]{16,}'], ['gldt-', '[\\w-]{16,}'], ['glrt-', '[\\w-]{16,}'], ['glptt-', '[\\w-]{16,}'], ['glcbt-', '[\\w-]{16,}'],
  ['xox', '[abeoprs][.-][\\w.-]{10,}'], ['xapp-', '[\\w-]{10,}'], // Slack
  ['AKIA', '[A-Z0-9]{12,}'], ['ASIA', '[A-Z0-9]{12,}'], ['ABIA', '[A-Z0-9]{12,}'], ['ACCA', '[A-Z0-9]{12,}'], ['AROA', '[A-Z0-9]{12,}'],
  ['AIza', '[\\w-]{30,}'], ['ya29.', '[\\w-]{16,}'], ['1//0', '[\\w-]{20,}'], ['GOCSPX-', '[\\w-]{16,}'], // Google
  ['npm_', '[a-zA-Z0-9]{24,}'], ['pypi-', '[\\w-]{20,}'], ['rubygems_', '[a-f0-9]{24,}', 'ms_'], ['dckr_pat_', '[\\w-]{16,}'],
  ['SG.', '[\\w-]{12,}\\.[\\w-]{12,}'], ['xkeysib-', '[\\w-]{20,}'], ['re_', '[a-zA-Z0-9]{6,}_[a-zA-Z0-9]{16,}'], ['key-', '[a-f0-9]{32}'], // mail
  ['hf_', '[a-zA-Z0-9]{20,}'], ['gsk_', '\\w{20,}'], ['xai-', '\\w{20,}'], ['r8_', '\\w{20,}'], ['pplx-', '\\w{20,}', 'plx'], ['nvapi-', '[\\w-]{20,}'],
  ['tvly-', '[\\w-]{16,}'], ['lsv2_', '\\w{20,}'], ['pcsk_', '\\w{20,}'], ['fw_', '[a-zA-Z0-9]{20,}'], ['csk-', '\\w{20,}'], // AI services
  ['dop_v1_', '\\w{20,}'], ['doo_v1_', '\\w{20,}'], ['dor_v1_', '\\w{20,}'], ['dapi', '[a-f0-9]{32}'], ['FlyV1 ', '\\S{20,}'],
  ['shpat_', '\\w{20,}'], ['shpca_', '\\w{20,}'], ['shppa_', '\\w{20,}'], ['shpss_', '\\w{20,}'], // Shopify
  ['sq0atp-', '[\\w-]{16,}'], ['sq0csp-', '[\\w-]{16,}'], ['EAAA', '[\\w-]{30,}', 'AAA'], // Square
  ['ATATT3', '[\\w=-]{20,}'], ['ATBB', '\\w{20,}'], ['lin_api_', '\\w{20,}', 'pi_'], ['figd_', '[\\w-]{20,}', 'gd_'], ['ntn_', '\\w{20,}'],
  ['secret_', '[a-zA-Z0-9]{32,}', 'et_'], ['PMAK-', '[\\w-]{20,}'], ['tfp_', '[\\w-]{20,}'], ['pat-na1-', '[\\w-]{20,}'], ['pat-eu1-', '[\\w-]{20,}'],
  ['sntrys_', '[\\w+/=-]{20,}'], ['sntryu_', '\\w{20,}'], ['NRAK-', '\\w{20,}'], ['glsa_', '\\w{20,}'], ['glc_', '[\\w+/=-]{20,}'], ['phx_', '\\w{20,}'],
  ['hvs.', '[\\w-]{20,}'], ['hvb.', '[\\w-]{20,}'], ['sbp_', '[a-f0-9]{32,}'], ['pscale_', '[a-z]+_[\\w.-]{20,}', 'le_'], ['dp.', '(?:pt|st|ct|sa)\\.[\\w.-]{20,}'],
  ['CFPAT-', '[\\w-]{20,}'], ['AGE-SECRET-KEY-1', '\\w{20,}', 'y-1'],
  ['$2a$', '\\d\\d\\$[./\\w]{53}'], ['$2b$', '\\d\\d\\$[./\\w]{53}'], ['$2y$', '\\d\\d\\$[./\\w]{53}'], ['$argon2', '\\S{20,}', 'on2'], // password hashes
] // prettier-ignore

const tokens: SecretPattern[] = [
  {
    triggers: TOKENS.map(([prefix, , trigger]) => trigger ?? prefix),
    pattern: new RegExp(`(?<![A-Za-z0-9])(?:${TOKENS.map(([prefix, rest]) => escapeRegExp(prefix) + rest).join('|')})`, 'g'),
    replacement: REDACTED,
  },
]

/** Tokens that show by what stands in or behind them. */
const rareTokens: SecretPattern[] = [
  {
    triggers: ['hoo', '/bot'],
    pattern:
      /(hooks\.slack\.com\/(?:services|workflows|triggers)\/|discord(?:app)?\.com\/api\/webhooks\/|webhook\.office\.com\/|hooks\.zapier\.com\/hooks\/catch\/|api\.telegram\.org\/bot)[^\s"'<>?]+/gi,
    replacement: `$1${REDACTED}`,
  },
  { triggers: ['-us'], pattern: /\b[a-f0-9]{32}-us\d{1,2}\b/g, replacement: REDACTED }, // Mailchimp
  { triggers: [':AA'], pattern: /\b\d{8,10}:AA[\w-]{30,}/g, replacement: REDACTED }, // Telegram
  { triggers: [...'0123456789abcdef'].map((digit) => `SK${digit}`), pattern: /\bSK[a-f0-9]{32}\b/g, replacement: REDACTED }, // Twilio
]

function escapeRegExp(text: string): string {
  return text.replace(/[.$*+?()[\]{}|^\\]/g, '\\$&')
}

/** Commands and statements that name a password without `=` or `:`. */
const statements: SecretPattern[] = [
  {
    triggers: ['password', 'identified'],
    pattern: /\b(password|identified\s+by(?:\s+password)?)(\s+)(['"])[^]*?(?:\3|$)/gi,
    replacement: `$1$2'${REDACTED}'`,
  },
  { triggers: ['auth '], pattern: /(?<![\w-])(AUTH)\s+\S+(?:[ \t]+[^\s"',}\]]+)?/g, replacement: `$1 ${REDACTED}` },
  { triggers: ['requirepass', 'masterauth'], pattern: /\b(requirepass|masterauth)(\\*["']?\s+)\S+/gi, replacement: `$1$2${REDACTED}` },
]

/** Messages of databases that repeat a value of the statement: PostgreSQL, MySQL, Redis. */
const repeatedValues: SecretPattern[] = [
  {
    triggers: ['invalid', 'malformed', 'out of range'],
    pattern:
      /\b((?:invalid (?:input syntax|input value|value)|malformed|date\/time field value out of range|invalid)[^":\n]{0,80}(?:"[\w.]+")?: )"[^]*?(?:"(?=$|[\s.,\\])|$)/gi,
    replacement: `$1"${REDACTED}"`,
  },
  { triggers: ['value "', 'out of range'], pattern: /\b(value )"[^"]*"( is out of range)/gi, replacement: `$1"${REDACTED}"$2` },
  {
    triggers: ['Key ('],
    pattern: /\b(Key \([^)]*\)=\()[^]*?(\) (?:already exists|is not present|is still referenced|conflicts))/g,
    replacement: `$1${REDACTED}$2`,
  },
  { triggers: ['Failing row'], pattern: /\b(Failing row contains \()[^]*?(?:\)\.|$)/g, replacement: `$1${REDACTED}).` },
  { triggers: ['Duplicate entry'], pattern: /\b(Duplicate entry )'[^]*?'( for key)/g, replacement: `$1'${REDACTED}'$2` },
  {
    triggers: ['Incorrect', 'Truncated'],
    pattern: /\b((?:Incorrect|Truncated incorrect) \w+ value: )'[^]*?(?:'(?=$|\s)|$)/g,
    replacement: `$1'${REDACTED}'`,
  },
  // JSON.parse of Node 20 and newer.
  { triggers: ['json'], pattern: /(?:'[^]{1,2}', )?(?:\.{3})?"[^]*"(?:\.{3})?( is not valid JSON)/g, replacement: `"${REDACTED}"$1` },
  { triggers: ['with args'], pattern: /(,? with args beginning with: ).*/gs, replacement: `$1${REDACTED}` },
]

/** In the order they run; at most seven groups. */
export const PATTERN_GROUPS: readonly (readonly SecretPattern[])[] = [
  privateKeys,
  credentialsInUrls,
  authorizationSchemes,
  tokens,
  rareTokens,
  statements,
  repeatedValues,
]
