/** What workers have asked of their collaborators and has not been carried out: the scheduler of life.ts decides when it is. */
import type { Lane } from './clock.ts'

export interface Operation {
  lane: Lane
  /** Whom it asks. */
  service: 'redis' | 'kafka' | 'model' | 'group'
  label: string
  execute: () => unknown
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
  /** What the worker sees when the request, or its reply, is lost. */
  lost: () => Error
}

/** Hands an operation in; resolves when the scheduler has carried it out and its reply has arrived. */
export type Park = <T>(
  lane: Lane,
  about: Pick<Operation, 'service' | 'label' | 'lost'>,
  execute: () => Promise<T> | T,
) => Promise<T>

export class Operations {
  pending: Operation[] = []

  readonly park: Park = (lane, about, execute) => {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>()
    this.pending.push({ ...about, lane, execute, resolve, reject })
    return promise as Promise<never>
  }

  take(operation: Operation): void {
    this.pending = this.pending.filter((each) => each !== operation)
  }
}
