-- Writes that the owner was refused for budget at T, before that is published. Nothing is deleted: copies that were sent
-- up to T stay duplicates of the refused message, later ones are new acceptances.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the owner's timestamp, ms
-- Returns  closed | changed (claim again to see how) | refused, T (ms)

if verdict ~= 'open' then return reply('closed') end
local MARK, CLAIM, OWNER = KEYS[2], KEYS[3], ARGV[4]
local f = redis.call('HMGET', CLAIM, 'owner', 'state', 'until', 'refused_at', 'outcome', 'told')

if redis.call('EXISTS', MARK) == 1 or (f[1] and f[1] ~= OWNER) or f[5] or f[6] or f[2] == 'dead' then
  return reply('changed')
end
if f[2] == 'refused' then return reply('refused', tonumber(f[4])) end
-- Another run of the same message is asking the model.
if f[2] == 'open' and tonumber(f[3] or '0') > now then return reply('changed') end

-- The producer's clock may be ahead of Redis's.
local at = math.max(now, tonumber(ARGV[7]))
if not f[1] then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', ARGV[5], 'v', 0, 'starts', 0, 'alone', 0) end
redis.call('HSET', CLAIM, 'state', 'refused', 'refused_at', at)
redis.call('HINCRBY', CLAIM, 'v', 1)
redis.call('PEXPIRE', CLAIM, ARGV[6])
return reply('refused', at)
