/**
 * The durations that have to agree with each other, in ms, and the inequalities that safety rests on. A duration that concerns
 * one file only stands in that file.
 */

export interface Timings {
  redis: {
    /** A reply later than this counts as none: the command may have run, so every command that is sent again is idempotent. */
    commandMs: number
  }
  claims: {
    /** How long a worker that is not heard of keeps its calls; renewed every `renewEveryMs` while they are in flight. */
    leaseMs: number
    renewEveryMs: number
    /** Between looks at another run's call. */
    pollMs: number
    /** An answer that was let go is kept for its next owner for so long. */
    lingerMs: number
    /** How long a message waits for the refusal before it to be published; then it takes the id over. */
    refusalMs: number
    /** The least life of a claim, however short the marks' is: it has to outlive its renewals. */
    claimTtlMinMs: number
  }
  recovery: {
    /** How long a leader that is not heard of is waited for. */
    leadMs: number
    pollMs: number
    /** How long the living have to write their claims again. */
    reassertMs: number
    /** Between attempts while Kafka is away. */
    retryMs: number
  }
  confirmation: {
    /**
     * A confirmation that takes longer (Redis is away, or recovers) is asked for anew: a late one could overwrite the intent of
     * the partition's new owner. In an open transaction, readers of the outputs wait for it, too.
     */
    withinMs: number
    /**
     * A confirmation is good for so long, from its asking to the commit: a worker that is frozen in between, or meets a slow
     * broker, asks again.
     */
    validMs: number
  }
  group: {
    /** Without a heartbeat for so long a member is out; a worker started after a SIGKILL waits so long for its partitions. */
    sessionMs: number
    heartbeatMs: number
    /** How long members have to join again when the group changes. */
    rebalanceMs: number
    /** Longest wait of an empty fetch, and of a resumed partition for the next one; `stop` waits so long too. */
    fetchWaitMs: number
  }
  kafka: {
    /** No reply for so long: the broker or the line is dead. kafkajs adds it to what a join or a fetch may take by itself. */
    requestMs: number
    /** How long readers wait for the end of a transaction whose writer was killed, if nobody takes the partition over before. */
    openTransactionMs: number
    /** The whole transaction, from its first send to the answer to its commit. */
    transactionMs: number
    /** The fencing of earlier writers. */
    fenceMs: number
  }
  /** From the signal to the exit, one after the other. */
  shutdown: {
    /** Calls in flight have so long to finish. */
    drainMs: number
    /** Handlers have so long to give up once their calls are aborted. */
    graceMs: number
    /** For the marks of what was committed last. */
    marksMs: number
    /** For leaving the group. */
    leaveMs: number
    /** For giving leases back, and meanwhile for sending the last traces. */
    leasesMs: number
    /** For the release of everything that was acquired. */
    releaseMs: number
    /** What is not done by then is left to the operating system. */
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

/** What operators and the contract rely on: an exit within 30 s of the signal. */
export const STOP_LIMIT_MS = 30_000

/** @returns the rules that these timings break, in words; empty when they keep all */
export function brokenRules({ redis, claims, recovery, confirmation, group, kafka, shutdown }: Timings): string[] {
  const { exitMs, ...steps } = shutdown
  const stepsMs = Object.values(steps).reduce((sum, ms) => sum + ms, 0)
  const rules: [string, boolean][] = [
    [
      'a lease outlives a renewal that was missed: it is renewed once more, with a reply that is as late as may be, in time',
      claims.leaseMs > 2 * claims.renewEveryMs + redis.commandMs,
    ],
    ['a claim outlives its renewals, which come at a third of its life', claims.claimTtlMinMs / 3 > claims.leaseMs],
    [
      'a run that waits for another one’s call looks several times within its lease',
      claims.leaseMs > 3 * claims.pollMs,
    ],
    [
      'a refusal is published before the message that waits for it gives up waiting',
      claims.refusalMs > confirmation.validMs + confirmation.withinMs + kafka.transactionMs,
    ],
    [
      'whoever lives writes its claims again before a recovery ends: a renewal and its reply fit in',
      recovery.reassertMs > claims.renewEveryMs + redis.commandMs,
    ],
    [
      'no commit rests on a confirmation from before a recovery',
      recovery.reassertMs > confirmation.validMs + confirmation.withinMs,
    ],
    [
      'the leader of a recovery renews its lease at a quarter of it, with a reply that is as late as may be',
      recovery.leadMs > recovery.leadMs / 4 + redis.commandMs,
    ],
    ['a confirmation ends before the next one is due', confirmation.validMs > confirmation.withinMs],
    ['a member stays one although some heartbeats are lost', group.sessionMs > 3 * group.heartbeatMs],
    [
      'a confirmation that was asked for as a member reaches Redis before the group can have passed the partition on twice',
      group.sessionMs > confirmation.validMs + confirmation.withinMs,
    ],
    [
      'a slow broker is told from a dead one by its own answer, before the whole transaction is given up',
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
