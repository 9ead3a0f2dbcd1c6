-- Stores the outcome of a message before it is published. Done in every state of the fleet: a paid answer is kept at once.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] outcome
-- Returns  duplicate (another message owns the id, or it is finished or refused) | stored, the outcome that was there first or ''

local MARK, CLAIM, OWNER, OUTCOME = KEYS[2], KEYS[3], ARGV[4], ARGV[7]
local f = redis.call('HMGET', CLAIM, 'owner', 'outcome', 'told')

if redis.call('EXISTS', MARK) == 1 or (f[1] and f[1] ~= OWNER) or f[3] then return reply('duplicate') end
if f[2] then return reply('stored', f[2]) end

if not f[1] then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', ARGV[5], 'v', 0, 'starts', 0, 'alone', 0) end
redis.call('HSET', CLAIM, 'state', 'answered', 'outcome', OUTCOME)
-- refused_at stays: should the refusal have been committed, it is what was told (judge.ts).
redis.call('HDEL', CLAIM, 'lease', 'until')
redis.call('HINCRBY', CLAIM, 'v', 1)
redis.call('PEXPIRE', CLAIM, ARGV[6])
return reply('stored', '')
