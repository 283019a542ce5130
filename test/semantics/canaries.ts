// Kinds of secrets, each with a made-up value. None of them may come out of the redaction.

/** Letters and digits that no rule knows. */
export const CANARY = 'Zq7cAnArY9xW4vB2nM8kL5'
const hex = 'c0ffee0ddba11fade5ca1ab1e0ddf00d'
const long = `${CANARY}${CANARY}`

export interface Canary {
  kind: string
  text: string
  /** What must be gone; default the canary. */
  secret?: string
}

const header = (name: string): Canary => ({ kind: `header ${name}`, text: JSON.stringify({ host: 'shop', [name]: CANARY }) })
const line = (text: string): Canary => ({ kind: `line ${text.split(/[:=]/)[0] ?? ''}`, text: `GET /cart HTTP/1.1\n${text}\nAccept: */*` })
const query = (name: string): Canary => ({ kind: `query ${name}`, text: `https://shop.example/cb?page=2&${name}=${CANARY}&lang=en` })
const connection = (scheme: string): Canary => ({
  kind: `connection ${scheme}`,
  text: `connect failed: ${scheme}://admin:${CANARY}@db.internal:5432/shop?ssl=1`,
})
const token = (text: string): Canary => ({
  kind: `token ${text.slice(0, 8)}`,
  text: `the service answered 401 for ${text}, retrying`,
  secret: text.slice(-16),
})
const pair = (text: string): Canary => ({ kind: `pair ${text.slice(0, 24)}`, text })

export const canaries: readonly Canary[] = [
  ...[
    'authorization', 'Authorization', 'proxy-authorization', 'cookie', 'Cookie', 'set-cookie', 'x-api-key', 'X-Api-Key', 'api-key', 'apikey', 'x-auth-token',
    'x-access-token', 'x-refresh-token', 'x-amz-security-token', 'x-csrf-token', 'x-xsrf-token', 'x-goog-api-key', 'x-goog-iap-jwt-assertion', 'x-functions-key',
    'ocp-apim-subscription-key', 'x-vault-token', 'x-gitlab-token', 'private-token', 'x-hub-signature-256', 'x-shopify-access-token', 'x-slack-signature',
    'stripe-signature', 'x-session-id', 'x-client-secret', 'x-rapidapi-key', 'x-secret', 'x-password', 'dpop', 'www-authenticate', 'x-forwarded-client-cert',
    'cf-access-jwt-assertion', 'x-amzn-oidc-data', 'sec-websocket-key', 'x-webhook-secret', 'x-otp', 'x-device-token', 'x-wp-nonce', 'anthropic-api-key', 'openai-api-key',
  ].map(header),
  ...[
    `Authorization: Bearer ${CANARY}`, `authorization: Token ${CANARY}`, `Authorization: Digest username="a", response="${CANARY}"`, `Proxy-Authorization: Basic ${CANARY}=`,
    `Authorization: AWS4-HMAC-SHA256 Credential=AK/x, Signature=${CANARY}`, `Cookie: theme=dark; sid=${CANARY}`, `Set-Cookie: id=${CANARY}; HttpOnly; Path=/`,
    `X-Api-Key: ${CANARY}`, `x-auth: ${CANARY}`,
  ].map(line),
  ...[
    'token', 'access_token', 'refresh_token', 'id_token', 'api_key', 'apikey', 'key', 'code', 'password', 'passwd', 'pwd', 'secret', 'client_secret', 'sig', 'signature', 'jwt',
    'auth', 'X-Amz-Signature', 'X-Amz-Credential', 'X-Amz-Security-Token', 'AWSAccessKeyId', 'X-Goog-Signature', 'X-Goog-Credential', 'sid', 'session', 'PHPSESSID', 'oauth_token',
    'oauth_verifier', 'code_verifier', 'assertion', 'SAMLResponse', 'ticket', 'otp', 'reset_token', 'user%5Bpassword%5D', 'hmac', 'nonce', 'private_token',
  ].map(query),
  ...['postgres', 'postgresql', 'mysql', 'mariadb', 'mongodb', 'mongodb+srv', 'redis', 'rediss', 'amqp', 'amqps', 'mssql', 'clickhouse', 'smtp', 'ftp', 'https', 'ldap', 'nats', 'libsql'].map(connection),
  { kind: 'redis url without user', text: `redis://:${CANARY}@cache:6379/0` },
  { kind: 'token as user', text: `git clone https://${CANARY}@git.example/shop.git` },
  { kind: 'password with slash', text: `postgres://app:p/${CANARY}#?@db/shop` },
  { kind: 'password with @', text: `https://app:p@${CANARY}@host/x` },
  { kind: 'go dsn', text: `root:${CANARY}@tcp(127.0.0.1:3306)/shop` },
  { kind: 'ado connection string', text: `Server=db;Database=shop;User Id=sa;Password=${CANARY};Encrypt=true` },
  { kind: 'azure storage', text: `DefaultEndpointsProtocol=https;AccountName=shop;AccountKey=${CANARY}==;EndpointSuffix=core.windows.net` },
  { kind: 'azure service bus', text: `Endpoint=sb://shop/;SharedAccessKeyName=root;SharedAccessKey=${CANARY}=` },
  { kind: 'libpq string', text: `host=db user=app password='${CANARY}' dbname=shop` },
  { kind: 'jdbc', text: `jdbc:postgresql://db/shop?user=app&password=${CANARY}` },
  { kind: 'slack webhook', text: `posting to https://hooks.slack.com/services/T000/B000/${CANARY}` },
  { kind: 'discord webhook', text: `https://discord.com/api/webhooks/123456/${CANARY}` },
  { kind: 'telegram url', text: `https://api.telegram.org/bot123456789:${CANARY}/sendMessage` },
  { kind: 'bearer in text', text: `sent header Bearer ${CANARY}` },
  { kind: 'lower-case bearer', text: `bearer ${CANARY}` },
  { kind: 'basic in text', text: `used Basic ${CANARY}==` },
  ...[
    `eyJhbGciOiJIUzI1NiJ9.${long}.${CANARY}`, `eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9${long}`, `sk-${long}`, `sk-proj-${long}`, `sk-ant-api03-${long}`, `sk-or-v1-${hex}${hex}`, `sk_live_${long}`, `rk_live_${long}`,
    `whsec_${long}`, `ghp_${long}`, `gho_${long}`, `ghs_${long}`, `github_pat_${long}`, `glpat-${CANARY}`, `xoxb-123456789012-${CANARY}`, `xoxp-1-2-${CANARY}`, `xapp-1-A0-${CANARY}`,
    'AKIAZQ7CANARY9XW4VB2', 'ASIAZQ7CANARY9XW4VB2', `AIzaSy${long}`, `ya29.a0${long}`, `GOCSPX-${CANARY}`, `1//0${long}`, `npm_${long}`, `pypi-AgEI${long}`, `dckr_pat_${CANARY}`,
    `SG.${CANARY}.${long}`, `xkeysib-${long}`, `key-${hex}`, `${hex}-us14`, `hf_${long}`, `gsk_${long}`, `xai-${long}`, `r8_${long}`, `pplx-${long}`, `nvapi-${long}`, `tvly-${CANARY}`,
    `lsv2_pt_${long}`, `pcsk_${long}`, `dop_v1_${hex}${hex}`, `shpat_${hex}`, `sq0atp-${CANARY}`, `EAAA${long}`, `ATATT3x${long}`, `lin_api_${long}`, `figd_${long}`, `sntrys_${long}`, `NRAK-${long}`,
    `glsa_${long}`, `ntn_${long}`, `PMAK-${long}`, `hvs.${long}`, `dapi${hex}`, `sbp_${hex}${hex}`, `SK${hex}`, `123456789:AAE${long}`, `AGE-SECRET-KEY-1${long.toUpperCase()}`, `rubygems_${hex}`,
    `pat-na1-${long}`, `CFPAT-${long}`, `dp.pt.${long}`, `secret_${long}`, `$2b$12$${long}${CANARY.slice(0, 9)}`,
  ].map(token),
  { kind: 'rsa private key', text: `key:\n-----BEGIN RSA PRIVATE KEY-----\n${CANARY}\n${CANARY}\n-----END RSA PRIVATE KEY-----\ndone` },
  { kind: 'cut private key', text: `-----BEGIN PRIVATE KEY-----\\n${CANARY}\\n${CANARY}` },
  { kind: 'openssh private key', text: `-----BEGIN OPENSSH PRIVATE KEY-----\n${CANARY}\n-----END OPENSSH PRIVATE KEY-----` },
  { kind: 'pgp private key', text: `-----BEGIN PGP PRIVATE KEY BLOCK-----\n${CANARY}\n-----END PGP PRIVATE KEY BLOCK-----` },
  ...[
    `password=${CANARY}`, `PASSWORD: ${CANARY}`, `{"password":"${CANARY}"}`, `{'db_password': '${CANARY}'}`, `{\\"apiKey\\":\\"${CANARY}\\"}`, `clientSecret => "${CANARY}"`,
    `AWS_SECRET_ACCESS_KEY=${CANARY}`, `OPENAI_API_KEY=${CANARY}`, `DATABASE_PASSWORD="${CANARY} x"`, `db.pass=${CANARY}`, `"pin": "${CANARY}"`, `cvv: ${CANARY}`, `{"password":"a\\"${CANARY}"}`,
    `user[password]=${CANARY}&x=1`, `token[]=${CANARY}`, `passphrase := ${CANARY}`, `{"secret":"${CANARY}`, `node app.js --token ${CANARY} --port 3000`, `mysql --password=${CANARY}`, `curl -u admin:${CANARY} http://x`,
    `ALTER USER app WITH PASSWORD '${CANARY}'`, `CREATE USER app IDENTIFIED BY '${CANARY}'`, `AUTH ${CANARY}`, `HELLO 3 AUTH default ${CANARY}`, `CONFIG SET requirepass ${CANARY}`,
    `mnemonic: "${CANARY} b c d"`, `card_number=${CANARY}`, `set-cookie: [ 'a=1; Path=/', 'b=${CANARY}' ]`, `cookie=${CANARY}`, `Password=ab,${CANARY};Port=1`,
  ].map(pair),
  { kind: 'postgres syntax', text: `invalid input syntax for type integer: "${CANARY}"` },
  { kind: 'postgres enum', text: `invalid input value for enum mood: "${CANARY}"` },
  { kind: 'postgres array', text: `malformed array literal: "${CANARY} \\"x\\""` },
  { kind: 'postgres range', text: `value "${CANARY}" is out of range for type integer` },
  { kind: 'postgres unique', text: `duplicate key value violates unique constraint "people_email"; Key (email)=(${CANARY}) already exists.` },
  { kind: 'postgres check', text: `Failing row contains (1, ${CANARY}, (x)).` },
  { kind: 'mysql duplicate', text: `Duplicate entry '${CANARY}' for key 'people.email'` },
  { kind: 'mysql type', text: `Incorrect integer value: '${CANARY}' for column 'age' at row 1` },
  { kind: 'redis unknown command', text: `ERR unknown command 'GETT', with args beginning with: '${CANARY}' 'b'` },
] // prettier-ignore
