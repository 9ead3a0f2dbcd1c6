-- Stores the outcome of a message before it is published. Runs in every state of the fleet, so that a paid answer is kept at once.
--
-- KEYS     state, then mark and claim per item
-- ARGV     for each item (numbers as of the first one):
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] outcome
-- Returns  for each item: duplicate (another message owns the id, or it is marked, dead-lettered, or refused and `told`, see finish.lua)
--          | stored, the outcome of an earlier run of the message, which counts, or ''

return each(4, function(MARK, CLAIM, OWNER, HASH, TTL, OUTCOME)
  local claim = fields(CLAIM, 'owner', 'outcome', 'told', 'state')

  if redis.call('EXISTS', MARK) == 1 or (claim.owner and claim.owner ~= OWNER) then return {'duplicate'} end
  if claim.state == 'dead' or claim.told then
    -- Keep the paid outcome: a later message with the same payload takes it over.
    redis.call('HSETNX', CLAIM, 'outcome', OUTCOME)
    return {'duplicate'}
  end
  if claim.outcome then return {'stored', claim.outcome} end

  if not claim.owner then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'v', 0, 'starts', 0, 'alone', 0) end
  redis.call('HSET', CLAIM, 'state', 'answered', 'outcome', OUTCOME)
  redis.call('HDEL', CLAIM, 'lease', 'until', 'refused_at')
  redis.call('HINCRBY', CLAIM, 'v', 1)
  redis.call('PEXPIRE', CLAIM, TTL)
  return {'stored', ''}
end)
