/** SOCKS5 proxies: undici's own agent for them is experimental and has no limits of ours. */
import type { SocksProxy } from 'socks'
import { SocksClient } from 'socks'
import { buildConnector } from 'undici'

const DEFAULT_PORT = 1080

export const isSocks = (proxyUrl: string): boolean => /^socks5h?:/i.test(proxyUrl)

/**
 * @param proxyUrl `socks5://`, with or without credentials; names are resolved by the proxy, as with `socks5h://`, since the
 *   names that this machine asks for would tell where it goes
 * @param timeoutMs for the tunnel, and for TLS within it, each
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

/** An IPv6 address as sockets want it. */
const unbracketed = (host: string) => host.replace(/^\[(.*)\]$/, '$1')

/** What a proxy says that does not want us, as against one that cannot reach the provider. */
const REFUSED = /^Socks5 Authentication failed|no accepted authentication type|rejected connection - NotAllowed/

export const isSocksRefusal = ({ message }: Error): boolean => REFUSED.test(message)
