/** Self-signed certificates for tests of TLS, made without any tool: DER is a few nested lists. */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto'

const tlv = (tag: number, ...parts: Buffer[]): Buffer => {
  const value = Buffer.concat(parts)
  const size = value.length
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), value])
}
const sequence = (...parts: Buffer[]) => tlv(0x30, ...parts)
const integer = (value: Buffer) => tlv(0x02, value)
const bits = (value: Buffer) => tlv(0x03, Buffer.from([0]), value)
const octets = (value: Buffer) => tlv(0x04, value)
const explicit = (tag: number, value: Buffer) => tlv(0xa0 + tag, value)
/** The content bytes of an object identifier, in hex. */
const oid = (hex: string) => tlv(0x06, Buffer.from(hex, 'hex'))
const time = (date: Date) => tlv(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`))

const ECDSA_SHA256 = sequence(oid('2a8648ce3d040302'))
const COMMON_NAME = '550403'
const ALT_NAMES = '551d11'
const BASIC_CONSTRAINTS = '551d13'

/** An address stands in a certificate as its bytes, a name as ASCII. */
const altName = (name: string) =>
  /^\d+(\.\d+){3}$/.test(name) ? tlv(0x87, Buffer.from(name.split('.').map(Number))) : tlv(0x82, Buffer.from(name))

const DAY_MS = 86_400_000

export interface Certificate {
  /** PEM */
  key: string
  /** PEM; it is its own authority, so it serves as the CA file too. */
  cert: string
}

/**
 * Makes a key (P-256) and a certificate that is valid from yesterday until ten days from now.
 * @param names the DNS names and IPv4 addresses that the certificate is valid for
 */
export function makeCertificate(names: readonly string[] = ['localhost', '127.0.0.1']): Certificate {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const name = sequence(tlv(0x31, sequence(oid(COMMON_NAME), tlv(0x0c, Buffer.from(names[0] ?? 'test')))))
  const yes = tlv(0x01, Buffer.from([0xff]))
  const extensions = sequence(
    sequence(oid(BASIC_CONSTRAINTS), yes, octets(sequence(yes))),
    sequence(oid(ALT_NAMES), octets(sequence(...names.map(altName)))),
  )
  const body = sequence(
    explicit(0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ECDSA_SHA256,
    name,
    sequence(time(new Date(Date.now() - DAY_MS)), time(new Date(Date.now() + 10 * DAY_MS))),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    explicit(3, extensions),
  )
  const der = sequence(body, ECDSA_SHA256, bits(sign('sha256', body, privateKey)))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    cert: `-----BEGIN CERTIFICATE-----\n${lines.join('\n')}\n-----END CERTIFICATE-----\n`,
  }
}
