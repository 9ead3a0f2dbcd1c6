/**
 * The benchmark's model server: a process of its own that answers every completion with the same text, so that it costs as
 * little of the two cores as it can. It keeps when each request was answered.
 *   node model-server.ts LATENCY_MS     prints its port
 */
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { ANSWER } from './texts.ts'

const latencyMs = Number(process.argv[2] ?? 0)
/** By request id: ms since the epoch. */
let answeredAt: Record<string, number> = {}

const completion = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'gpt-4.1-mini-2025-04-14',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: ANSWER, refusal: null } }],
  usage: { prompt_tokens: 1_800, completion_tokens: 300, total_tokens: 2_100 },
})
const headers = { 'content-type': 'application/json', 'content-length': Buffer.byteLength(completion) }

const server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
  if (req.method === 'GET') {
    res.end(JSON.stringify(answeredAt))
    answeredAt = {}
    return
  }
  const chunks: Buffer[] = []
  req.on('data', (chunk: Buffer) => chunks.push(chunk))
  req.on('end', () => {
    const body = Buffer.concat(chunks)
    const at = body.indexOf('request-')
    const id = /^request-(\d+)/.exec(body.toString('latin1', at, at + 30))?.[1]
    const answer = () => {
      if (id !== undefined) answeredAt[id] = performance.timeOrigin + performance.now()
      res.writeHead(200, headers).end(completion)
    }
    if (latencyMs === 0) answer()
    else setTimeout(answer, latencyMs)
  })
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 4_096 }, () => {
  console.log((server.address() as AddressInfo).port)
})
process.stdin.on('end', () => process.exit()).resume()
