-- Claims an id for one input message, or tells who owns it. dedupe.ts has the diagram of states.
--
-- KEYS     state, then mark and claim per item
-- ARGV     for each item (numbers as of the first one):
-- ARGV[4]  owner: the caller's message   [5] hash of its payload   [6] the claim's life, ms   [7] the lease's length, ms
-- ARGV[8]  what to do with another message's claim: '' (tell about it), take (take it over), mark (it was published: set the mark)
-- ARGV[9]  owner and [10] version of the claim that the caller has seen: take and mark do nothing when it has changed since
-- ARGV[11] the mark's life, ms
-- Returns  for each item: untrusted | marked, conflict | mine, starts, starts alone, outcome or '' | leased, ms left
--          | other, owner, state, version, refused at, conflict, intent or ''; conflict: 1 when the claim is for another payload

-- Returns how long the claim's lease still lasts, ms; 0 or less when it is over. Shortens a lease that is too long.
local function lease_left(key, claim, LEASE)
  local left = tonumber(claim['until'] or '0') - now
  if left <= LEASE then return left end
  -- A lease cannot last this long: Redis's clock was set back, or another server has taken over.
  redis.call('HSET', key, 'until', now + LEASE)
  return LEASE
end

return each(8, function(MARK, CLAIM, OWNER, HASH, TTL, LEASE, MODE, SEEN_OWNER, SEEN_VERSION, MARK_TTL)
  LEASE = tonumber(LEASE)
  if verdict ~= 'trusted' then return {'untrusted'} end
  local claim = fields(CLAIM, 'owner', 'hash', 'state', 'v', 'starts', 'alone', 'until', 'refused_at', 'outcome', 'told', 'intent')
  local conflict = (claim.hash and claim.hash ~= HASH) and 1 or 0

  if redis.call('EXISTS', MARK) == 1 then return {'marked', conflict} end

  if not claim.owner then
    redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'state', 'open', 'v', 1, 'starts', 0, 'alone', 0)
    redis.call('PEXPIRE', CLAIM, TTL)
    return {'mine', 0, 0, ''}
  end

  if claim.owner == OWNER then
    -- Another worker took the caller for dead and has finished the message.
    if claim.told or claim.state == 'dead' then return {'marked', 0} end
    local left = lease_left(CLAIM, claim, LEASE)
    if claim.state == 'open' and left > 0 then return {'leased', left} end
    if claim.state == 'refused' then
      -- The refusal was not committed, so Kafka redelivered the message. `intent` stays until the next confirmation overwrites it.
      redis.call('HSET', CLAIM, 'state', 'open')
      redis.call('HDEL', CLAIM, 'refused_at')
      redis.call('HINCRBY', CLAIM, 'v', 1)
    end
    redis.call('PEXPIRE', CLAIM, TTL)
    return {'mine', tonumber(claim.starts), tonumber(claim.alone), claim.outcome or ''}
  end

  -- Any other message may take over the claim of a dead-lettered message.
  local free = claim.state == 'dead'
  if not free and (MODE == '' or claim.owner ~= SEEN_OWNER or claim.v ~= SEEN_VERSION) then
    return {'other', claim.owner, claim.state, claim.v, claim.refused_at or '', conflict, claim.intent or ''}
  end

  -- Never take over during a call: it is being paid for.
  local left = lease_left(CLAIM, claim, LEASE)
  if MODE == 'take' and claim.state == 'open' and left > 0 then return {'leased', left} end

  if MODE == 'mark' and not free then
    redis.call('SET', MARK, '_', 'PX', MARK_TTL)
    return {'marked', conflict}
  end

  -- Keep a stored answer only if the payloads are the same.
  local kept = conflict == 0 and claim.outcome or ''
  redis.call('DEL', CLAIM)
  redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'state', kept == '' and 'open' or 'answered',
    'v', claim.v + 1, 'starts', 0, 'alone', 0)
  if kept ~= '' then redis.call('HSET', CLAIM, 'outcome', kept) end
  redis.call('PEXPIRE', CLAIM, TTL)
  return {'mine', 0, 0, kept}
end)
