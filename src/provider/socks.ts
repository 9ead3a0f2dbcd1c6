/** Connects through SOCKS5 proxies. undici's own agent for them is experimental and does not apply our time limits. */
import type { SocksProxy } from 'socks'
import { SocksClient } from 'socks'
import { buildConnector } from 'undici'

const DEFAULT_PORT = 1080

export const isSocks = (proxyUrl: string): boolean => /^socks5h?:/i.test(proxyUrl)

/**
 * @param proxyUrl `socks5://`, with or without credentials. As with `socks5h://`, the proxy resolves host names: a DNS query of
 *   this machine would disclose where it connects to
 * @param timeoutMs for the tunnel and for TLS within it, each
 * @returns a connector for undici
 */
export function socksConnector(proxyUrl: string, timeoutMs: number): buildConnector.connector {
  const { hostname, port, username, password } = new URL(proxyUrl)
  const proxy: SocksProxy = {
    host: unbracketed(hostname),
    port: port === '' ? DEFAULT_PORT : Number(port),
    type: 5,
    ...(username === '' ? {} : { userId: decodeURIComponent(username), password: decodeURIComponent(password) }),
  }
  const secure = buildConnector({ timeout: timeoutMs, allowH2: false })
  return (options, callback) => {
    const { hostname: host, protocol } = options
    const destination = { host: unbracketed(host), port: Number(options.port) || (protocol === 'https:' ? 443 : 80) }
    const client = new SocksClient({ proxy, destination, command: 'connect', timeout: timeoutMs })
    client.once('error', (error) => callback(error, null))
    client.once('established', ({ socket }) => {
      if (protocol === 'https:') secure({ ...options, httpSocket: socket }, callback)
      else callback(null, socket.setNoDelay())
    })
    client.connect()
  }
}

/** @returns an IPv6 address without brackets, as sockets expect it */
const unbracketed = (host: string) => host.replace(/^\[(.*)\]$/, '$1')

/** Errors of a proxy that refuses this client, as opposed to one that cannot reach the provider. */
const REFUSED = /^Socks5 Authentication failed|no accepted authentication type|rejected connection - NotAllowed/

export const isSocksRefusal = ({ message }: Error): boolean => REFUSED.test(message)
