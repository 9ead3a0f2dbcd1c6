/** Writes a reply to its connection, intact or broken in the way that the fault names. */
import type { ServerResponse } from 'node:http'
import type { Delivery, Reply } from './faults.ts'

/** Time for the first half to reach the client before the connection is cut, ms. */
const BEFORE_CUT_MS = 20

/** @param delayMs between two bytes of a trickle */
export function deliver(res: ServerResponse, reply: Reply, delivery: Delivery | null, delayMs: number): void {
  if (delivery === 'hang') return
  if (delivery === 'reset') return void res.socket?.resetAndDestroy()
  if (delivery === 'close') return void res.socket?.destroy()
  const body = Buffer.from(reply.body)
  res.writeHead(reply.status, { ...reply.headers, 'content-length': body.length })
  if (delivery === null) return void res.end(body)
  res.flushHeaders()
  if (delivery === 'headers_only') return
  if (delivery === 'trickle') return trickle(res, body, delayMs)
  res.write(body.subarray(0, Math.floor(body.length / 2)))
  if (delivery === 'half_then_stall') return
  setTimeout(() => {
    if (delivery === 'half_then_reset') res.socket?.resetAndDestroy()
    else res.socket?.destroy()
  }, BEFORE_CUT_MS)
}

function trickle(res: ServerResponse, body: Buffer, delayMs: number): void {
  let sent = 0
  const timer = setInterval(() => {
    if (sent < body.length) res.write(body.subarray(sent, sent + 1))
    else res.end()
    sent += 1
  }, delayMs)
  res.once('close', () => clearInterval(timer))
}
