/**
 * Unpacks what producers compress: gzip, snappy, lz4 and zstd, all off the event loop and all bounded.
 *
 * gzip and zstd are Node's own. snappy and lz4-napi bind maintained Rust libraries with prebuilt binaries and work in Node's
 * thread pool. The pure JavaScript packages (snappyjs, lz4js) would block the event loop, and lz4js has had no release since 2018.
 * Both bindings are loaded when first needed, so where no binary fits the machine only batches of that codec cannot be read.
 * Nothing is compressed here: the worker's own messages are small.
 */
import { promisify } from 'node:util'
import { constants, unzip, zstdDecompress } from 'node:zlib'

export type CodecName = 'gzip' | 'snappy' | 'lz4' | 'zstd'

/** The codec's name by the lowest three bits of a batch's attributes; 0 is no compression. */
const CODECS: Record<number, CodecName> = { 1: 'gzip', 2: 'snappy', 3: 'lz4', 4: 'zstd' }

/**
 * Why a batch cannot be unpacked: it exceeds the limit; its bytes are not what its codec writes; or this worker lacks the codec (or
 * the memory), which another may have.
 */
export type UnpackTrouble = 'too_large' | 'malformed' | 'unreadable'

export class UnpackError extends Error {
  readonly kind: UnpackTrouble
  /** The codec's name, or `codec N` for an unknown one. */
  readonly codec: string
  constructor(kind: UnpackTrouble, codec: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'UnpackError'
    this.kind = kind
    this.codec = codec
  }
}

/** @returns the codec of a record batch; null for none, `codec N` for one that Kafka has not defined yet */
export function codecOf(attributes: number): string | null {
  const number = attributes & 7
  return number === 0 ? null : (CODECS[number] ?? `codec ${number}`)
}

/**
 * Unpacks the bytes of a batch.
 * @param limit the most bytes to unpack to; unpacking stops there
 * @throws UnpackError
 */
export async function unpack(codec: string, packed: Buffer, limit: number): Promise<Buffer> {
  const unpackWith = UNPACK[codec as CodecName] as Unpack | undefined
  if (unpackWith === undefined) throw new UnpackError('unreadable', codec, `${codec} is unknown`)
  try {
    return await unpackWith(packed, limit)
  } catch (error) {
    if (error instanceof TooLarge) throw tooLarge(codec, limit, error)
    const { code, message } = error as NodeJS.ErrnoException
    if (TOO_LARGE_CODES.has(code ?? '')) throw tooLarge(codec, limit, error)
    const isOurs = error instanceof NoBinary || MEMORY_CODES.has(code ?? '')
    throw new UnpackError(isOurs ? 'unreadable' : 'malformed', codec, message, { cause: error })
  }
}

const tooLarge = (codec: string, limit: number, cause: unknown) =>
  new UnpackError('too_large', codec, `it unpacks to more than ${limit} bytes`, { cause })

class TooLarge extends Error {}

class NoBinary extends Error {}

/** @throws NoBinary where the package has no binary that fits the machine */
async function loadBinary<Binding>(load: () => Promise<Binding>): Promise<Binding> {
  try {
    return await load()
  } catch (error) {
    throw new NoBinary((error as Error).message, { cause: error })
  }
}

const TOO_LARGE_CODES = new Set(['ERR_BUFFER_TOO_LARGE', 'ZSTD_error_frameParameter_windowTooLarge'])
const MEMORY_CODES = new Set(['Z_MEM_ERROR', 'ZSTD_error_memory_allocation'])

type Unpack = (packed: Buffer, limit: number) => Promise<Buffer>

const UNPACK: Record<CodecName, Unpack> = {
  gzip: (packed, limit) => promisify(unzip)(packed, { maxOutputLength: limit, chunkSize: chunkFor(packed) }),
  zstd: (packed, limit) =>
    promisify(zstdDecompress)(packed, {
      maxOutputLength: limit,
      chunkSize: chunkFor(packed),
      // A small frame may still ask for a window of up to 2 GB of memory.
      params: { [constants.ZSTD_d_windowLogMax]: Math.ceil(Math.log2(limit)) },
    }),
  snappy: unpackSnappy,
  lz4: unpackLz4,
}

/** Small chunks cost round trips to the thread pool, large ones cost memory. Bytes. */
const chunkFor = ({ length }: Buffer) => Math.min(Math.max(4 * length, 16_384), 1_048_576)

/** Java's clients frame snappy like xerial's library: this header, two version numbers of 4 bytes, then blocks, each after its length. */
const XERIAL = Buffer.from([0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0])
const XERIAL_HEADER_BYTES = 16

async function unpackSnappy(packed: Buffer, limit: number): Promise<Buffer> {
  // librdkafka writes one raw block.
  const blocks = packed.subarray(0, XERIAL.length).equals(XERIAL) ? xerialBlocks(packed) : [packed]
  const total = blocks.reduce((sum, block) => sum + snappyLength(block), 0)
  if (total > limit) throw new TooLarge()
  const { uncompress } = await loadBinary(() => import('snappy'))
  const parts: Buffer[] = []
  for (const block of blocks) parts.push((await uncompress(block)) as Buffer)
  return parts.length === 1 && parts[0] !== undefined ? parts[0] : Buffer.concat(parts)
}

function xerialBlocks(packed: Buffer): Buffer[] {
  const blocks: Buffer[] = []
  for (let at = XERIAL_HEADER_BYTES; at < packed.length;) {
    // Several such streams may follow one another, each with the header.
    if (packed.subarray(at, at + XERIAL.length).equals(XERIAL)) {
      at += XERIAL_HEADER_BYTES
      continue
    }
    const length = packed.readInt32BE(at)
    if (length < 0 || at + 4 + length > packed.length) throw new Error('a snappy block is cut off')
    blocks.push(packed.subarray(at + 4, at + 4 + length))
    at += 4 + length
  }
  return blocks
}

/** A raw block begins with its unpacked length, which decoders verify, as a varint. */
function snappyLength(block: Buffer): number {
  let length = 0
  for (let at = 0; at < 5; at++) {
    const byte = block[at]
    if (byte === undefined) break
    length += (byte & 127) * 2 ** (7 * at)
    if (byte < 128) return length
  }
  throw new Error('a snappy block has no length')
}

async function unpackLz4(packed: Buffer, limit: number): Promise<Buffer> {
  if (mostLz4Bytes(packed) > limit) throw new TooLarge()
  const { decompressFrame } = await loadBinary(() => import('lz4-napi'))
  const unpacked = await decompressFrame(packed)
  if (unpacked.length > limit) throw new TooLarge()
  return unpacked
}

const LZ4_MAGIC = 0x184d2204
const LZ4_FLAG_BLOCK_CHECKSUM = 0x10
const LZ4_FLAG_CONTENT_SIZE = 0x08
const LZ4_FLAG_DICTIONARY = 0x01
const LZ4_UNCOMPRESSED = 0x80000000
/** lz4 packs 255 bytes into one at best. */
const LZ4_BEST_RATIO = 255

/** @returns an upper bound of what an lz4 frame unpacks to, from the sizes of its blocks */
function mostLz4Bytes(packed: Buffer): number {
  if (packed.length < 7 || packed.readUInt32LE(0) !== LZ4_MAGIC) throw new Error('it is no lz4 frame')
  const flags = packed.readUInt8(4)
  const mostPerBlock = 2 ** (8 + 2 * ((packed.readUInt8(5) >> 4) & 7))
  let at = 7 + (flags & LZ4_FLAG_CONTENT_SIZE ? 8 : 0) + (flags & LZ4_FLAG_DICTIONARY ? 4 : 0)
  let total = 0
  while (at + 4 <= packed.length) {
    const word = packed.readUInt32LE(at)
    if (word === 0) break
    const isPlain = word >= LZ4_UNCOMPRESSED
    const length = isPlain ? word - LZ4_UNCOMPRESSED : word
    total += Math.min(mostPerBlock, isPlain ? length : length * LZ4_BEST_RATIO)
    at += 4 + length + (flags & LZ4_FLAG_BLOCK_CHECKSUM ? 4 : 0)
  }
  return total
}
