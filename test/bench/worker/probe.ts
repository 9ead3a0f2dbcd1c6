/**
 * Loaded into a measured process by `--import`: writes at its end how late its event loop ran and how many requests it sent to
 * Kafka, to the file that BENCH_PROBE names.
 */
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'

export interface Probed {
  /** How much later than asked for the loop came round, ms. */
  loopDelayP99Ms: number
  kafkaRequests: number
  maxRssMb: number
}

const file = process.env['BENCH_PROBE']
if (file !== undefined) {
  const RESOLUTION_MS = 10
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  delay.enable()
  let kafkaRequests = 0
  interface Connection {
    prototype: { send(request: unknown): Promise<unknown> }
  }
  const require = createRequire(import.meta.url)
  const { prototype } = require('kafkajs/src/network/connection.js') as Connection
  // Called below with the connection as `this`.
  // oxlint-disable-next-line typescript/unbound-method
  const { send } = prototype
  prototype.send = function (request) {
    kafkaRequests++
    return send.call(this, request)
  }
  process.on('exit', () => {
    const probed: Probed = {
      loopDelayP99Ms: Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS),
      kafkaRequests,
      maxRssMb: process.resourceUsage().maxRSS / 1_024,
    }
    writeFileSync(file, JSON.stringify(probed))
  })
}
