import type { Stub } from '../../tools/openai-stub/server.ts'
import type { Happening } from '../support/audit.ts'
import type { LocalCluster, LocalRedis } from '../support/services.ts'
import type { World } from '../support/world.ts'
import type { Fleet } from './fleet.ts'

/** What the disturbances act on. */
export interface Scene {
  kafka: LocalCluster
  redis: LocalRedis
  stub: Stub
  world: World
  fleet: Fleet
  happenings: Happening[]
}
