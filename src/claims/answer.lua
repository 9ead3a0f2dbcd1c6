-- Stores the outcome of a message before it is published. Done in every state of the fleet: a paid answer is kept at once.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] outcome
-- Returns  duplicate (another message owns the id, or it is finished, refused or dead-lettered) | stored, the outcome that was there first or ''

local MARK, CLAIM, OWNER, OUTCOME = KEYS[2], KEYS[3], ARGV[4], ARGV[7]
local f = redis.call('HMGET', CLAIM, 'owner', 'outcome', 'told', 'state')

if redis.call('EXISTS', MARK) == 1 or (f[1] and f[1] ~= OWNER) or f[3] then return reply('duplicate') end
if f[4] == 'dead' then
  -- It is paid for: the message that is sent again takes it over.
  redis.call('HSETNX', CLAIM, 'outcome', OUTCOME)
  return reply('duplicate')
end
if f[2] then return reply('stored', f[2]) end

if not f[1] then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', ARGV[5], 'v', 0, 'starts', 0, 'alone', 0) end
redis.call('HSET', CLAIM, 'state', 'answered', 'outcome', OUTCOME)
redis.call('HDEL', CLAIM, 'lease', 'until', 'refused_at')
redis.call('HINCRBY', CLAIM, 'v', 1)
redis.call('PEXPIRE', CLAIM, ARGV[6])
return reply('stored', '')
