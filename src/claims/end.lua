-- Gives leases back without an outcome and uncounts their starts: the worker lives, so the message did not kill it. For operators the
-- claim's `fruitless` counts them.
--
-- KEYS     state, then a claim per lease
-- ARGV[4]  owner   [5] token   [6] 1 when it was begun alone; and so on for each lease
-- Returns  done

for i = 2, #KEYS do
  local CLAIM, at = KEYS[i], 4 + (i - 2) * 3
  local OWNER, TOKEN, ALONE = ARGV[at], ARGV[at + 1], ARGV[at + 2]
  local claim = fields(CLAIM, 'owner', 'lease', 'starts', 'alone', 'fruitless')
  if claim.owner == OWNER and claim.lease == TOKEN then
    local starts, alone = math.max(0, claim.starts - 1), math.max(0, claim.alone - ALONE)
    redis.call('HDEL', CLAIM, 'lease', 'until')
    redis.call('HSET', CLAIM, 'ended', TOKEN, 'starts', starts, 'alone', alone,
      'fruitless', (claim.fruitless or 0) + 1)
    redis.call('HINCRBY', CLAIM, 'v', 1)
  end
end
return reply('done')
