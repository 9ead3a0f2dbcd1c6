/** Bounds on what arrives. A message beyond a bound is dead-lettered with the reason; see docs/kafka.md. */

/**
 * Bytes that one record batch may unpack to, whatever it is compressed with. A producer's batch has 16 KB to 1 MB by default,
 * so an honest one is far below. Also how much of one fetch is unpacked before the rest is left to the next fetch.
 */
export const MAX_UNPACKED_BYTES = 32 * 1_048_576

/** The most records that one fetch brings of a partition; the next fetch continues after them. */
export const MAX_RECORDS_PER_FETCH = 2_000

/** The most headers of a consumed message. */
export const MAX_HEADERS = 512
/** The most bytes of these headers, names and values together. */
export const MAX_HEADER_BYTES = 65_536

/** Of a request's headers, which go on to its outcomes. */
export const MAX_PASSED_HEADERS = 64
export const MAX_PASSED_HEADER_BYTES = 16_384

/** They come first where not all headers can be passed on (W3C Trace Context and Baggage). */
export const TRACE_HEADERS: readonly string[] = ['traceparent', 'tracestate', 'baggage']
