/**
 * The one place that names Redis keys. `REDIS_KEY_PREFIX` comes before every one of them.
 *
 * | key | type | lives | holds |
 * |---|---|---|---|
 * | `processed_messages:{id}` | string `_` | 3 days | finished, with success or a final failure (contract) |
 * | `claim:{id}` | hash | at least a minute; once the id is finished, as long as its mark | who owns the id, the claim's state, its lease, the stored answer; once that is published, why it got its score (no text of the resume) |
 * | `state` | hash | for ever | the sentinel: epoch and sequence, by which lost data is noticed |
 * | `recovery` | string | seconds | the lease of the worker that rebuilds lost data |
 * | `worker:{worker}` | hash | seconds | a live worker's heartbeat: assignment, version, in flight |
 * | `budget:{name}:*` | several | the state for ever, the rest for up to two days | what was spent of the budget, and who waits for it; see budget/*.lua |
 * | `hold:{scope}` | hash | until lifted, or 1 hour untouched | failures since the last success, why calls of a scope are held, and when the next probe is due |
 * | `holds` | set | for ever | the scopes that may have a hold |
 * | `successes:{scopes}` | integer | 1 hour | how many calls of these scopes were answered: tells whether others succeed while one fails |
 * | `pause` | hash | until `resume` | an operator paused the fleet |
 * | `cache:{hash}` | string | RESULT_CACHE_TTL_SECONDS | the published fields of an earlier result, and why it got its score |
 * | `adaptation:{server}:{model}` | string, JSON | 30 days from when it was learned: then the worker tries again what the server refused, because the server may have been upgraded | the form of requests that this server takes, see provider/form.ts |
 * | `reviews` | sorted set by ms since the epoch | 3 days after the last | ids of results that a person should look at, at most 100 |
 * | `token_ratio:{model}` | hash | 30 days | the learned ratios of billed to estimated tokens |
 */
export function redisKeys(prefix: string) {
  // Escaped, so that a prefix such as `a*:` does not match foreign keys when it is used in a pattern.
  const literal = prefix.replaceAll(/[*?[\]\\]/g, String.raw`\$&`)
  return {
    mark: (id: bigint) => `${prefix}processed_messages:${id}`,
    marksPattern: `${literal}processed_messages:*`,
    claim: (id: bigint) => `${prefix}claim:${id}`,
    state: `${prefix}state`,
    recovery: `${prefix}recovery`,
    worker: (worker: string) => `${prefix}worker:${worker}`,
    workersPattern: `${literal}worker:*`,
    /** Prefix of all keys and of the channel of one budget. */
    budget: (name: string) => `${prefix}budget:${name}:`,
    hold: (scope: string) => `${prefix}hold:${scope}`,
    holds: `${prefix}holds`,
    successes: (scopes: string) => `${prefix}successes:${scopes}`,
    pause: `${prefix}pause`,
    cache: (hash: string) => `${prefix}cache:${hash}`,
    adaptation: (server: string, model: string) => `${prefix}adaptation:${server}:${model}`,
    reviews: `${prefix}reviews`,
    tokenRatio: (model: string) => `${prefix}token_ratio:${model}`,
  }
}

export type RedisKeys = ReturnType<typeof redisKeys>
