-- Takes the lease right before a model call, and counts the start.
--
-- KEYS     state, then mark and claim per item
-- ARGV     for each item (numbers as of the first one):
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the lease's length, ms   [8] token of this lease
-- ARGV[9]  1 when nothing else is in flight in the worker
-- Returns  for each item: untrusted | changed (claim again to see how) | begun, starts, starts alone (both with this one)

return each(6, function(MARK, CLAIM, OWNER, HASH, TTL, LEASE, TOKEN, ALONE)
  LEASE = tonumber(LEASE)
  if verdict ~= 'trusted' then return {'untrusted'} end
  local claim = fields(CLAIM, 'owner', 'outcome', 'lease', 'until', 'ended', 'starts', 'alone', 'state')
  local theirs = claim.owner and claim.owner ~= OWNER

  if redis.call('EXISTS', MARK) == 1 or theirs or claim.outcome then return {'changed'} end
  -- Another run of the message has refused or dead-lettered it and may have published that. The caller must claim again.
  if claim.state == 'refused' or claim.state == 'dead' then return {'changed'} end
  if claim.lease and claim.lease ~= TOKEN and tonumber(claim['until']) > now then return {'changed'} end
  -- This command was sent before the lease was given back and arrived afterwards.
  if claim.ended == TOKEN then return {'begun', tonumber(claim.starts), tonumber(claim.alone)} end

  if not claim.owner then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'v', 0, 'starts', 0, 'alone', 0) end
  if claim.lease ~= TOKEN then
    redis.call('HINCRBY', CLAIM, 'starts', 1)
    redis.call('HINCRBY', CLAIM, 'alone', ALONE)
    redis.call('HINCRBY', CLAIM, 'v', 1)
  end
  redis.call('HSET', CLAIM, 'state', 'open', 'lease', TOKEN, 'until', now + LEASE)
  redis.call('PEXPIRE', CLAIM, TTL)
  local counts = fields(CLAIM, 'starts', 'alone')
  return {'begun', tonumber(counts.starts), tonumber(counts.alone)}
end)
