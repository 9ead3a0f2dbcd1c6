/**
 * The durations that depend on each other, in ms, and the inequalities that safety rests on. A duration that concerns a single
 * file is defined in that file.
 */

export interface Timings {
  redis: {
    /** A command without a reply after this time counts as failed. It may have run, so every command that is repeated is idempotent. */
    commandMs: number
  }
  claims: {
    /** How long a silent worker keeps its calls. A living one renews its leases every `renewEveryMs` while calls are in flight. */
    leaseMs: number
    renewEveryMs: number
    /** How often a message that waits for a claim looks at the claim again. */
    pollMs: number
    /** How long a worker remembers an answer for the partition's next owner after it let the claim go. */
    lingerMs: number
    /**
     * How long a message waits for an earlier refusal of its id to be published before it takes the id over; and how long before it is
     * a duplicate of another group's message, because that group may be dying.
     */
    refusalMs: number
    /** The shortest TTL of a claim, even if the TTL of marks is shorter: a claim must outlive the gaps between its renewals. */
    claimTtlMinMs: number
  }
  recovery: {
    /** How long the others wait for a silent leader. */
    leadMs: number
    pollMs: number
    /** How long living workers have to write their claims again. */
    reassertMs: number
    /** The pause between attempts while Kafka is away. */
    retryMs: number
  }
  confirmation: {
    /**
     * A confirmation that takes longer (Redis is away or recovers) is given up and requested again: a late one could overwrite
     * the intent of the partition's new owner. Confirming anew in an open transaction also delays the readers of its outputs.
     */
    withinMs: number
    /**
     * How long a confirmation is valid, from its request to the commit. A worker that was frozen in between, or met a slow
     * broker, requests another one.
     */
    validMs: number
  }
  group: {
    /** A member without a heartbeat for this long is removed. A worker started after a SIGKILL waits this long for its partitions. */
    sessionMs: number
    heartbeatMs: number
    /** How long members have to rejoin when the group changes. */
    rebalanceMs: number
    /** The longest wait of an empty fetch. A resumed partition waits as long for the next fetch, and so does `stop`. */
    fetchWaitMs: number
  }
  kafka: {
    /** Without a reply for this long, the broker or the connection is dead. kafkajs adds it to what a join or a fetch may take. */
    requestMs: number
    /** After this time the broker aborts a transaction whose writer was killed; until then readers wait, unless a new owner fences it. */
    openTransactionMs: number
    /** The whole transaction, from its first send to the reply to its commit. */
    transactionMs: number
    /** How long fencing earlier writers may take. */
    fenceMs: number
  }
  /** The steps from the signal to the exit, in this order. */
  shutdown: {
    /** For calls in flight to finish. */
    drainMs: number
    /** For handlers to give up once their calls are aborted. */
    graceMs: number
    /** How long the marks of the last commit may take. */
    marksMs: number
    /** For leaving the group. */
    leaveMs: number
    /** For returning leases and, at the same time, saving the token ratios and sending the last traces. */
    leasesMs: number
    /** For releasing everything that was acquired. */
    releaseMs: number
    /** The process exits then, whatever is left. */
    exitMs: number
  }
}

export const TIMINGS: Timings = {
  redis: { commandMs: 3_000 },
  claims: {
    leaseMs: 10_000,
    renewEveryMs: 3_000,
    pollMs: 400,
    lingerMs: 600_000,
    refusalMs: 30_000,
    claimTtlMinMs: 60_000,
  },
  recovery: { leadMs: 10_000, pollMs: 300, reassertMs: 7_000, retryMs: 1_000 },
  confirmation: { withinMs: 2_000, validMs: 3_000 },
  group: { sessionMs: 10_000, heartbeatMs: 1_000, rebalanceMs: 15_000, fetchWaitMs: 100 },
  kafka: { requestMs: 10_000, openTransactionMs: 15_000, transactionMs: 20_000, fenceMs: 30_000 },
  shutdown: {
    drainMs: 25_000,
    graceMs: 500,
    marksMs: 1_000,
    leaveMs: 1_000,
    leasesMs: 500,
    releaseMs: 800,
    exitMs: 29_000,
  },
}

/** The contract promises an exit within 30 s of the signal. */
export const STOP_LIMIT_MS = 30_000

/** @returns a sentence for each rule that these timings break */
export function brokenRules({ redis, claims, recovery, confirmation, group, kafka, shutdown }: Timings): string[] {
  const { exitMs, ...steps } = shutdown
  const stepsMs = Object.values(steps).reduce((sum, ms) => sum + ms, 0)
  const rules: [string, boolean][] = [
    [
      'a lease outlives one missed renewal: the next one is in time, even with the latest reply that counts',
      claims.leaseMs > 2 * claims.renewEveryMs + redis.commandMs,
    ],
    [
      'a claim outlives the gaps between its renewals, which come at a third of its TTL',
      claims.claimTtlMinMs / 3 > claims.leaseMs,
    ],
    [
      'a message that waits for the call of another copy looks several times within a lease',
      claims.leaseMs > 3 * claims.pollMs,
    ],
    [
      'a refusal is published before the message that waits for it gives up waiting',
      claims.refusalMs > confirmation.validMs + confirmation.withinMs + kafka.transactionMs,
    ],
    [
      'living workers write their claims again before a recovery ends: a renewal and its reply fit in',
      recovery.reassertMs > claims.renewEveryMs + redis.commandMs,
    ],
    [
      'no commit relies on a confirmation from before a recovery',
      recovery.reassertMs > confirmation.validMs + confirmation.withinMs,
    ],
    [
      'the leader of a recovery renews its lease after a quarter of it, in time even with the latest reply that counts',
      recovery.leadMs > recovery.leadMs / 4 + redis.commandMs,
    ],
    ['a confirmation is received before it expires', confirmation.validMs > confirmation.withinMs],
    ['a member survives the loss of some heartbeats', group.sessionMs > 3 * group.heartbeatMs],
    [
      'a confirmation that a member requested reaches Redis before the group can have reassigned the partition twice',
      group.sessionMs > confirmation.validMs + confirmation.withinMs,
    ],
    [
      'a slow broker answers, or is known to be dead, before the whole transaction is given up',
      kafka.openTransactionMs > kafka.requestMs && kafka.transactionMs > kafka.openTransactionMs,
    ],
    ['a fence waits for the end of the transaction that it aborts', kafka.fenceMs > kafka.openTransactionMs],
    ['the steps of a shutdown add up to less than its exit', stepsMs < exitMs],
    ['the exit comes before the limit that the contract promises', exitMs < STOP_LIMIT_MS],
  ]
  return rules.filter(([, kept]) => !kept).map(([rule]) => rule)
}

const broken = brokenRules(TIMINGS)
if (broken.length > 0) throw new Error(`src/timings.ts breaks its own rules: ${broken.join('; ')}`)
