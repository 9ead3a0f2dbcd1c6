/** Brokers at IPv6 addresses: kafkajs 2.2.4 splits `host:port` at the first colon. */
import { connect, isIP } from 'node:net'
import type { Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'
import type { ISocketFactory } from 'kafkajs'

/** Marks a name that stands for an IPv6 address, written with dashes as on Windows: `--1.ipv6-literal.net` is `::1`. */
const LITERAL = '.ipv6-literal.net'
const KEEP_ALIVE_MS = 60_000

/** @returns `host:port` such that kafkajs can split it; `[::1]:9092` gets a name that `openSocket` knows */
export function brokerAddress(broker: string): string {
  const [, address, port] = /^\[([\da-f:.]+)\]:(\d+)$/i.exec(broker) ?? []
  return address === undefined ? broker : `${address.replaceAll(':', '-')}${LITERAL}:${port}`
}

/** @returns the text with the names that `brokerAddress` made turned back into addresses, for the log */
export const readableAddress = (text: string): string =>
  text.replace(/([\da-f-]+)\.ipv6-literal\.net/gi, (_name, address: string) => `[${address.replaceAll('-', ':')}]`)

/** Opens a connection as kafkajs does, but understands the names that `brokerAddress` makes. */
export const openSocket: ISocketFactory = ({ host: name, port, ssl, onConnect }): Socket => {
  const host = name.endsWith(LITERAL) ? name.slice(0, -LITERAL.length).replaceAll('-', ':') : name
  // TLS allows no IP address as a server name.
  const server = isIP(host) === 0 ? { servername: host } : {}
  const socket = ssl ? connectTls({ host, port, ...server, ...ssl }, onConnect) : connect({ host, port }, onConnect)
  socket.setKeepAlive(true, KEEP_ALIVE_MS)
  // kafkajs calls unref() at each failed attempt to reach the broker. On a closed socket Node would add a 'connect' listener each
  // time.
  socket.once('close', () => (socket.unref = () => socket))
  return socket
}
