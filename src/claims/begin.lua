-- Takes the lease right before a model call, and counts the start.
--
-- KEYS     state, then mark and claim per item
-- ARGV     for each item (numbers as of the first one):
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the lease's length, ms   [8] token of this lease
-- ARGV[9]  1 when nothing else is in flight in the worker
-- Returns  for each item: untrusted | changed (claim again to see how) | begun, starts, starts alone (both including this one)

return each(6, function(MARK, CLAIM, OWNER, HASH, TTL, LEASE, TOKEN, ALONE)
  LEASE = tonumber(LEASE)
  if verdict ~= 'trusted' then return {'untrusted'} end
  local claim = fields(CLAIM, 'owner', 'hash', 'outcome', 'lease', 'until', 'ended', 'starts', 'alone', 'state', 'v')
  local theirs = claim.owner and claim.owner ~= OWNER

  if redis.call('EXISTS', MARK) == 1 or theirs or claim.outcome then return {'changed'} end
  -- Another run of the message has refused or dead-lettered it and may have published that. The caller must claim again.
  if claim.state == 'refused' or claim.state == 'dead' then return {'changed'} end
  if claim.lease and claim.lease ~= TOKEN and tonumber(claim['until']) > now then return {'changed'} end
  -- The lease was given back already: this command was sent earlier and arrived later.
  if claim.ended == TOKEN then return {'begun', tonumber(claim.starts), tonumber(claim.alone)} end

  local known = claim.owner and claim or {}
  local starts, alone, v = known.starts or 0, known.alone or 0, known.v or 0
  -- Count the start once, even if this command is sent again.
  if claim.lease ~= TOKEN then starts, alone, v = starts + 1, alone + ALONE, v + 1 end
  redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', known.hash or HASH, 'state', 'open', 'lease', TOKEN, 'until', now + LEASE,
    'starts', starts, 'alone', alone, 'v', v)
  redis.call('PEXPIRE', CLAIM, TTL)
  return {'begun', tonumber(starts), tonumber(alone)}
end)
