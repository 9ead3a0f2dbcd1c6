/** Bounds on what arrives. A batch that unpacks to more, or a message with larger headers, is dead-lettered; see docs/kafka.md. */

/**
 * The most bytes that one record batch may unpack to, with any codec. Producers make batches of 16 KB to 1 MB by default, far less
 * than this. Also the most bytes that are unpacked of one fetch; the rest is left to the next fetch.
 */
export const MAX_UNPACKED_BYTES = 32 * 1_048_576

/** The most records of one partition that are taken from one fetch; the next fetch continues after them. */
export const MAX_RECORDS_PER_FETCH = 2_000

/** The most headers of a consumed message. */
export const MAX_HEADERS = 512
/** The most bytes of these headers as the record holds them: names, values and lengths. */
export const MAX_HEADER_BYTES = 65_536

/** The most headers of a request that are passed on to its outcomes, and the most bytes of these names and values. */
export const MAX_PASSED_HEADERS = 64
export const MAX_PASSED_HEADER_BYTES = 16_384

/** W3C Trace Context and Baggage. They are passed on first when not all headers fit the bounds. */
export const TRACE_HEADERS: readonly string[] = ['traceparent', 'tracestate', 'baggage']
