/** Keeps callbacks out of the internal network: the caller chooses the URL and must not reach hosts behind the firewall. */
import type { LookupAddress } from 'node:dns'
import { lookup as systemLookup } from 'node:dns'
import { isIP } from 'node:net'
import type { LookupFunction } from 'node:net'
import ipaddr from 'ipaddr.js'
import { Agent } from 'undici'

export class RefusedAddress extends Error {}

/** @param allowLoopback for examples and tests, whose receiver is on this machine */
export const isPublic = (address: string, allowLoopback: boolean): boolean => {
  // An IPv4-mapped IPv6 address is checked as the IPv4 address.
  const range = ipaddr.process(address).range()
  return range === 'unicast' || (allowLoopback && range === 'loopback')
}

/**
 * A client whose connections go to public addresses only. The check is made on the address that the socket then connects to: a
 * name that is resolved once for a check and once more for the connection can change its address in between (DNS rebinding).
 * @param lookup replaced by tests
 */
export function safeAgent(allowLoopback: boolean, lookup: LookupFunction = systemLookup): Agent {
  const checked: LookupFunction = (host, options, done) => {
    lookup(host, { ...options, all: true }, (error, found) => {
      if (error !== null) return done(error, '')
      const addresses = found as unknown as LookupAddress[]
      const refused = addresses.find(({ address }) => !isPublic(address, allowLoopback))
      const [first] = addresses
      if (refused !== undefined || first === undefined) return done(new RefusedAddress('not a public address'), '')
      if (options.all === true) return (done as unknown as (e: null, all: LookupAddress[]) => void)(null, addresses)
      return done(null, first.address, first.family)
    })
  }
  return new Agent({ connect: { lookup: checked } })
}

/** An address in the URL itself is connected to without a lookup. @throws RefusedAddress */
export function checkUrl(url: string, allowLoopback: boolean): void {
  const { protocol, hostname } = new URL(url)
  if (protocol !== 'https:' && protocol !== 'http:') throw new RefusedAddress('neither http nor https')
  const host = hostname.replace(/^\[|\]$/g, '')
  if (isIP(host) !== 0 && !isPublic(host, allowLoopback)) throw new RefusedAddress('not a public address')
}
