/** Gateway, notifier and storage consumer, put together: in production three services, here three parts of one process. */
import type { Bus, Listeners } from './bus.ts'
import { createGateway } from './gateway.ts'
import type { NotifierOptions } from './notifier.ts'
import { createNotifier } from './notifier.ts'
import type { Store } from './store.ts'
import { openStore } from './store.ts'

export interface LoopOptions extends Omit<NotifierOptions, 'store'> {
  /** The database's file. */
  file: string
  /** 0: a free one */
  port: number
  connect: (listeners: Listeners) => Promise<Bus> | Bus
  say: (line: string) => void
}

export interface Loop {
  url: string
  store: Store
  close(): Promise<void>
}

export async function startLoop({ file, port, connect, say, ...notifying }: LoopOptions): Promise<Loop> {
  const store = openStore(file)
  const notifier = createNotifier({ store, ...notifying })
  const bus = await connect({
    onNotification: notifier.take,
    onRecord: (record) => {
      if (store.addScore(record)) store.note(record.processing_id, 'stored')
    },
    onBroken: (topic) => say(`skipped a message of ${topic} that breaks the contract`),
  })
  const gateway = await createGateway({ store, publish: (request) => bus.publish(request) })
  const stop = new AbortController()
  const delivering = notifier.run(stop.signal)
  const url = await gateway.listen({ port, host: '127.0.0.1' })
  return {
    url,
    store,
    async close() {
      stop.abort(new Error('closed'))
      await Promise.all([gateway.close(), bus.close(), delivering])
      store.close()
    },
  }
}
