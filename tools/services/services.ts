/** What a rung of the ladder is given, and the services that it gives. */

export type Rung = 'given' | 'containers' | 'local'

export interface Services {
  rung: Rung
  kafkaBrokers: string[]
  redisUrl: string
  /** The worker's settings that lead to these services. */
  env: Record<string, string>
  /** Ends what was started; nothing when the services were given. */
  stop(): Promise<void>
}

export interface RungContext {
  env: Record<string, string | undefined>
  /** Told which rung it is, and what is downloaded. */
  say: (line: string) => void
  signal: AbortSignal
  /** Fixed ports, for services that are named in a `.env`; without them any that are free. */
  ports?: { kafka: number; redis: number } | undefined
}
