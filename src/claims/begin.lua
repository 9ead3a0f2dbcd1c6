-- Takes the lease right before a model call, and counts the start.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner   [5] hash   [6] the claim's life, ms   [7] the lease's length, ms   [8] token of this lease
-- ARGV[9]  1 when nothing else is in flight in the worker
-- Returns  closed | changed (claim again to see how) | begun, starts, starts alone (both with this one)

if verdict ~= 'open' then return reply('closed') end
local MARK, CLAIM, OWNER, TOKEN = KEYS[2], KEYS[3], ARGV[4], ARGV[8]
local f = redis.call('HMGET', CLAIM, 'owner', 'outcome', 'lease', 'until', 'ended', 'starts', 'alone', 'state')

if redis.call('EXISTS', MARK) == 1 or (f[1] and f[1] ~= OWNER) or f[2] then return reply('changed') end
-- Another run of the message has refused or dead-lettered it, and may have published that: only a claim knows.
if f[8] == 'refused' or f[8] == 'dead' then return reply('changed') end
if f[3] and f[3] ~= TOKEN and tonumber(f[4]) > now then return reply('changed') end
-- Sent before the lease was given back, arrived after.
if f[5] == TOKEN then return reply('begun', tonumber(f[6]), tonumber(f[7])) end

if not f[1] then redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', ARGV[5], 'v', 0, 'starts', 0, 'alone', 0) end
if f[3] ~= TOKEN then
  redis.call('HINCRBY', CLAIM, 'starts', 1)
  redis.call('HINCRBY', CLAIM, 'alone', ARGV[9])
  redis.call('HINCRBY', CLAIM, 'v', 1)
end
redis.call('HSET', CLAIM, 'state', 'open', 'lease', TOKEN, 'until', now + tonumber(ARGV[7]))
redis.call('PEXPIRE', CLAIM, ARGV[6])
local counts = redis.call('HMGET', CLAIM, 'starts', 'alone')
return reply('begun', tonumber(counts[1]), tonumber(counts[2]))
