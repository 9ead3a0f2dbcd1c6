-- Records that the owner was refused at T (budget or rate limit leave no room), before the refusal is published. The claim stays: copies of the message that were
-- sent up to T are duplicates of it, and later ones are new requests.
--
-- KEYS     state, then mark and claim per item
-- ARGV     for each item (numbers as of the first one):
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the owner's timestamp, ms
-- Returns  for each item: untrusted | changed (claim again to see how) | refused, T (ms)

return each(4, function(MARK, CLAIM, OWNER, HASH, TTL, SENT_AT)
  if verdict ~= 'trusted' then return {'untrusted'} end
  local claim = fields(CLAIM, 'owner', 'state', 'until', 'refused_at', 'outcome', 'told')
  local theirs = claim.owner and claim.owner ~= OWNER

  if redis.call('EXISTS', MARK) == 1 or theirs or claim.outcome or claim.told or claim.state == 'dead' then
    return {'changed'}
  end
  if claim.state == 'refused' then return {'refused', tonumber(claim.refused_at)} end
  -- Another run of the same message is asking the model.
  if claim.state == 'open' and tonumber(claim['until'] or '0') > now then return {'changed'} end

  -- T is never before the message's own timestamp: the producer's clock may be ahead of Redis's.
  local at = math.max(now, tonumber(SENT_AT))
  if not claim.owner then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'v', 0, 'starts', 0, 'alone', 0) end
  redis.call('HSET', CLAIM, 'state', 'refused', 'refused_at', at)
  redis.call('HINCRBY', CLAIM, 'v', 1)
  redis.call('PEXPIRE', CLAIM, TTL)
  return {'refused', at}
end)
