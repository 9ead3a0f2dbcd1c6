/** Stands for the caller's server: takes a callback and checks its signature. */
import { timingSafeEqual } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { sign } from './notifier.ts'

/** Older callbacks are refused: somebody may replay them. */
const FRESH_SECONDS = 300

export interface Received {
  id: string
  isSigned: boolean
  retryAfter: string | null
  body: { status: number; score?: number; message_error: string | null }
}

/** @param answers the HTTP statuses to answer with, in turn; 204 after the last */
export async function startReceiver(secret: string, onCallback: (received: Received) => void, answers: number[] = []) {
  const server = createServer((request, response) => {
    void text(request).then((body) => {
      const header = (name: string) => request.headers[name]?.toString() ?? ''
      const [id, atSeconds] = [header('webhook-id'), Number(header('webhook-timestamp'))]
      onCallback({
        id,
        isSigned:
          Math.abs(Date.now() / 1_000 - atSeconds) < FRESH_SECONDS &&
          isEqual(header('webhook-signature'), sign(secret, id, atSeconds, body)),
        retryAfter: header('retry-after') || null,
        body: JSON.parse(body) as Received['body'],
      })
      response.writeHead(answers.shift() ?? 204).end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/callback`,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function isEqual(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)]
  return left.length === right.length && timingSafeEqual(left, right)
}
