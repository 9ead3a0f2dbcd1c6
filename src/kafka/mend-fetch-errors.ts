/**
 * Keeps the error of one partition from affecting the others of the same fetch. kafkajs throws away what the fetch brought of the
 * others, and joins the group again.
 */
import { pause } from '../lib/abortable.ts'
import { CODES, saysMetadataAreStale } from './kafkajs-internals.ts'

const REFRESH_PAUSE_MS = 100
const NEVER = new AbortController().signal

interface FetchResponse {
  responses: { partitions: { errorCode: number }[] }[]
}

/** As much of kafkajs's Broker as is needed here. */
export interface AnsweringBroker {
  fetch: (this: AnsweringBroker, request: unknown) => Promise<FetchResponse>
}

/** As much of kafkajs's ConsumerGroup as is needed here. */
export interface FetchingGroup {
  cluster: { brokerPool: { brokers: Record<string, object | undefined> }; refreshMetadata(): Promise<void> }
  fetch: (this: FetchingGroup, nodeId: string) => Promise<unknown[]>
  recoverFromFetch: (this: FetchingGroup, error: Error & { type?: string }) => Promise<void>
}

/** The check of fetch responses, which kafkajs's consumer relies on to throw a partition's error. */
export interface FetchProtocol {
  parse: (this: void, response: FetchResponse) => Promise<FetchResponse>
}

/**
 * Delivers the partitions without an error, and reads the metadata again after a fetch with errors. A fetch with
 * OFFSET_OUT_OF_RANGE, or with an error of every partition, still fails. When it fails because a leader has moved, the metadata is read
 * again and the group is not joined again.
 * All three are changed in place; `broker` and `group` are prototypes.
 */
export function mendFetchErrors(protocol: FetchProtocol, broker: AnsweringBroker, group: FetchingGroup): void {
  /** Brokers whose last fetch response had partitions with errors. */
  const withErrors = new WeakSet<object>()
  const { parse } = protocol
  protocol.parse = (response) => {
    const codes = errorCodes(response)
    const isHelpless = codes.every((code) => code !== 0) || codes.includes(CODES.offsetOutOfRange)
    return isHelpless ? parse(response) : Promise.resolve(response)
  }
  const { fetch: ask } = broker
  broker.fetch = async function askMended(this: AnsweringBroker, request: unknown): Promise<FetchResponse> {
    const response = await ask.call(this, request)
    if (errorCodes(response).some((code) => code !== 0)) withErrors.add(this)
    return response
  }
  const { fetch, recoverFromFetch } = group
  group.fetch = async function fetchMended(this: FetchingGroup, nodeId: string): Promise<unknown[]> {
    const batches = await fetch.call(this, nodeId)
    const asked = this.cluster.brokerPool.brokers[nodeId]
    if (asked !== undefined && withErrors.delete(asked)) await this.cluster.refreshMetadata()
    return batches
  }
  group.recoverFromFetch = async function recoverMended(this: FetchingGroup, error): Promise<void> {
    if (!saysMetadataAreStale(error)) return await recoverFromFetch.call(this, error)
    await pause(REFRESH_PAUSE_MS, NEVER)
    await this.cluster.refreshMetadata()
  }
}

const errorCodes = ({ responses }: FetchResponse): number[] =>
  responses.flatMap(({ partitions }) => partitions.map(({ errorCode }) => errorCode))
