/** A token endpoint (client credentials) that signs JWTs with a key of its own, and publishes that key as a JWK set. */
import { createSign, generateKeyPairSync, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface TokenServerOptions {
  clientId: string
  clientSecret: string
  audience: string
  /** The life of a token. */
  lifeSeconds: number
}

export type TokenServer = Awaited<ReturnType<typeof startTokenServer>>

/** Starts the server on 127.0.0.1; only the scope `kafka` is granted. */
export async function startTokenServer({ clientId, clientSecret, audience, lifeSeconds }: TokenServerOptions) {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const kid = randomUUID()
  let issued = 0
  let away = false

  function sign(): string {
    const iat = Math.floor(Date.now() / 1_000)
    const claims = { iss: 'token-server', sub: clientId, aud: audience, scope: 'kafka', iat, exp: iat + lifeSeconds }
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const body = `${part({ alg: 'RS256', typ: 'JWT', kid })}.${part({ ...claims, jti: randomUUID() })}`
    return `${body}.${createSign('RSA-SHA256').update(body).sign(privateKey, 'base64url')}`
  }

  async function grant(request: IncomingMessage): Promise<[number, object]> {
    let form = ''
    for await (const chunk of request) form += String(chunk)
    const fields = new URLSearchParams(form)
    const [, basic = ''] = /^Basic (.+)$/.exec(request.headers.authorization ?? '') ?? []
    const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
    if (id !== clientId || secret !== clientSecret) {
      return [401, { error: 'invalid_client', error_description: `the secret ${secret} is not that of ${id}` }]
    }
    if (fields.get('grant_type') !== 'client_credentials') return [400, { error: 'unsupported_grant_type' }]
    if (fields.get('scope') !== 'kafka') return [400, { error: 'invalid_scope' }]
    issued++
    return [200, { access_token: sign(), token_type: 'Bearer', expires_in: lifeSeconds }]
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    // Brokers get the key even while the token endpoint is away.
    if (request.url === '/jwks') {
      return reply(response, 200, { keys: [{ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig', alg: 'RS256' }] })
    }
    if (away) return reply(response, 503, { error: 'temporarily_unavailable' })
    reply(response, ...(await grant(request)))
  }

  const server = createServer((request, response) => void serve(request, response))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    tokenUrl: `${url}/token`,
    jwksUrl: `${url}/jwks`,
    /** How many tokens were given out. */
    issued: () => issued,
    /** While the token endpoint is away it answers 503. */
    setAway: (isAway: boolean) => void (away = isAway),
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}
