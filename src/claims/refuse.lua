-- Writes that the owner was refused for budget at T, before that is published. Nothing is deleted: copies that were sent
-- up to T stay duplicates of the refused message, later ones are new acceptances.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the owner's timestamp, ms
-- Returns  untrusted | changed (claim again to see how) | refused, T (ms)

if verdict ~= 'trusted' then return reply('untrusted') end
local MARK, CLAIM, OWNER, HASH, TTL, SENT_AT = KEYS[2], KEYS[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7])
local claim = fields(CLAIM, 'owner', 'state', 'until', 'refused_at', 'outcome', 'told')
local theirs = claim.owner and claim.owner ~= OWNER

if redis.call('EXISTS', MARK) == 1 or theirs or claim.outcome or claim.told or claim.state == 'dead' then
  return reply('changed')
end
if claim.state == 'refused' then return reply('refused', tonumber(claim.refused_at)) end
-- Another run of the same message is asking the model.
if claim.state == 'open' and tonumber(claim['until'] or '0') > now then return reply('changed') end

-- The producer's clock may be ahead of Redis's.
local at = math.max(now, SENT_AT)
if not claim.owner then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'v', 0, 'starts', 0, 'alone', 0) end
redis.call('HSET', CLAIM, 'state', 'refused', 'refused_at', at)
redis.call('HINCRBY', CLAIM, 'v', 1)
redis.call('PEXPIRE', CLAIM, TTL)
return reply('refused', at)
