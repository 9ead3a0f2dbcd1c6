/**
 * Loaded into a measured process by `--import`: writes at its end how late its event loop ran and how many requests it sent to
 * Kafka, to the file that BENCH_PROBE names.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Probed {
  /** How late the event loop came round, ms. */
  loopDelayP99Ms: number
  kafkaRequests: number
  /** Of these, the requests of transactions: unlike fetches and heartbeats they do not depend on how long the run takes. */
  kafkaWrites: number
}

const WRITES = new Set(['Produce', 'AddPartitionsToTxn', 'AddOffsetsToTxn', 'TxnOffsetCommit', 'EndTxn'])

const file = process.env['BENCH_PROBE']
if (file !== undefined) {
  const RESOLUTION_MS = 10
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let kafkaRequests = 0
  let kafkaWrites = 0
  interface Connection {
    prototype: { send(sent: { request: { apiName: string } }): Promise<unknown> }
  }
  const require = createRequire(import.meta.url)
  const { prototype } = require('kafkajs/src/network/connection.js') as Connection
  // Called below with the connection as `this`.
  // oxlint-disable-next-line typescript/unbound-method
  const { send } = prototype
  prototype.send = function (sent) {
    kafkaRequests++
    if (WRITES.has(sent.request.apiName)) kafkaWrites++
    return send.call(this, sent)
  }
  process.on('exit', () => {
    const probed: Probed = {
      loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
      kafkaRequests,
      kafkaWrites,
    }
    writeFileSync(file, JSON.stringify(probed))
  })
}
