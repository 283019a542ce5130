// Which names of headers, query parameters, JSON keys, variables and flags stand for something secret.

/** Letters and digits of a name, lower case, that make it secret wherever they stand in it. */
const CONTAINED = [
  'password', 'passwd', 'passphrase', 'passcode', 'secret', 'credential', 'authorization', 'authenticate', 'bearer', 'cookie', 'csrf', 'xsrf',
  'signature', 'connectionstring', 'connstr', 'apikey', 'accesskey', 'privatekey', 'signingkey', 'encryptionkey', 'masterkey', 'sharedkey',
  'accountkey', 'servicekey', 'subscriptionkey', 'functionskey', 'licensekey', 'websocketkey', 'sshkey', 'hmackey', 'authkey', 'cryptkey',
  'accesstoken', 'refreshtoken', 'idtoken', 'authtoken', 'sessiontoken', 'sessionid', 'sessionkey', 'phpsessid', 'jwt', 'mnemonic',
  'seedphrase', 'recoverycode', 'backupcode', 'verificationcode', 'cardnumber', 'creditcard', 'socialsecurity', 'clientcert', 'clientprincipal',
  'oidcdata', 'samlresponse', 'samlrequest', 'codeverifier', 'oauthverifier', 'requirepass', 'masterauth', 'keystorepass', 'webhookurl',
] // prettier-ignore

/** Last word of a name (`db_pass`, `x-auth`, `connect.sid`) that makes it secret. */
const LAST_WORDS = new Set([
  'token', 'pwd', 'pass', 'auth', 'otp', 'totp', 'pin', 'cvv', 'cvc', 'cvv2', 'ssn', 'sid', 'sig', 'hmac', 'dsn', 'nonce', 'dpop', 'sessid',
]) // prettier-ignore

const LAST_LETTERS = /token$|(?:db|user|usr|smtp|mail|redis|pg|sql|ftp|http|admin|root|mongo|proxy|login|my)pass$|pwd$/

/** Names that say little elsewhere but carry secrets in a URL's query (`?key=…`, `?code=…`). */
const QUERY_ONLY = new Set([
  'key',
  'code',
  'ticket',
  'session',
  'assertion',
  'magic',
  'invite',
  'reset',
  'credentials',
  'user_code',
  'device_code',
])

/** Namespaces of attributes whose names we choose ourselves: `gen_ai.token.type` is no secret. */
const KNOWN_NAMESPACE =
  /^(?:gen_ai|db|perf|http|url|network|server|client|exception|error|code|mcp|rpc|messaging|cache|openai|process|thread)\./
/** … except where the rest of the name is the app's. */
const NAMED_BY_APP = /\.(?:header|metadata|parameter|param|cookie|env)\.([^]*)$/

/** Decides by name. Answers are remembered for the first 2,000 names. */
export class SecretKeys {
  readonly #extra: Set<string>
  readonly #known = new Map<string, boolean>()

  /** `extra`: names from `PERF_REDACT`; case and separators do not matter. */
  constructor(extra: readonly string[] = []) {
    this.#extra = new Set(extra.map(lettersOf))
  }

  /** True when the value under this header, parameter, JSON key or variable is a secret. */
  has(key: string): boolean {
    const known = this.#known.get(key)
    if (known !== undefined) return known
    const secret = this.#decide(key)
    if (this.#known.size < 2000) this.#known.set(key, secret)
    return secret
  }

  /** As `has`, for the name of a query parameter. */
  hasQuery(key: string): boolean {
    return QUERY_ONLY.has(key.toLowerCase()) || this.has(key)
  }

  /** As `has`, for the key of an attribute: names of the conventions are not secret, names of the app inside them may be. */
  hasAttribute(key: string): boolean {
    if (this.#extra.size > 0 && this.#extra.has(lettersOf(key))) return true
    if (!KNOWN_NAMESPACE.test(key)) return this.has(key)
    const named = NAMED_BY_APP.exec(key)?.[1]
    return named !== undefined && this.has(named)
  }

  #decide(key: string): boolean {
    if (key.length > 200) return true
    const letters = lettersOf(key)
    if (letters === '') return false
    if (this.#extra.has(letters)) return true
    if (LAST_LETTERS.test(letters) || CONTAINED.some((part) => letters.includes(part))) return true
    const last = key
      .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
      .split(/[^A-Za-z0-9]+/)
      .findLast((word) => word !== '')
    return last !== undefined && LAST_WORDS.has(last.toLowerCase())
  }
}

/** A name without case and separators: `X-Api-Key` → `xapikey`. */
export function lettersOf(name: string): string {
  return name.toLowerCase().replace(/[^a-z0-9]+/g, '')
}
