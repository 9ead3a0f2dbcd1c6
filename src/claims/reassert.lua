-- Renews what a worker holds, and writes again what Redis has lost of it; never takes anything from another message.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the claims' life, ms   [5] the leases' length, ms   [6] 1 when only an open fleet may be asked (confirm)
-- ARGV[7]  1: items are sent in full, write what is missing   0: tell what is missing
-- ARGV[8]  owner, hash, state, outcome, refused at, lease token, starts, starts alone, intent; and so on for each item
--          intent: what its transaction is about to publish: outcome | letter | refusal and when, ms; empty while there is none
-- Returns  closed | done, then per item: 0 another's or finished, 1 ours, 2 missing or behind (send it in full)

if ARGV[6] == '1' and verdict ~= 'open' then return reply('closed') end
local TTL, LEASE, FULL = ARGV[4], tonumber(ARGV[5]), ARGV[7] == '1'

local function renew(mark, claim, a)
  local owner, hash, state, outcome, refused_at, token = ARGV[a], ARGV[a + 1], ARGV[a + 2], ARGV[a + 3], ARGV[a + 4], ARGV[a + 5]
  if redis.call('EXISTS', mark) == 1 then return 0 end
  local intent = ARGV[a + 8]
  local f = redis.call('HMGET', claim, 'owner', 'state', 'lease', 'until', 'ended', 'told', 'intent')
  if (f[1] and f[1] ~= owner) or f[2] == 'dead' or f[6] then return 0 end
  local behind = not f[1] or (f[2] ~= 'answered' and state == 'answered')
  if behind and not FULL then return 2 end
  if not f[1] then
    redis.call('HSET', claim, 'owner', owner, 'hash', hash, 'state', 'open', 'v', 0,
      'starts', ARGV[a + 6], 'alone', ARGV[a + 7])
  end
  local leased = f[3] and f[3] ~= token and tonumber(f[4]) > now
  if behind then
    redis.call('HINCRBY', claim, 'v', 1)
    redis.call('HSET', claim, 'state', state)
    if state == 'answered' then
      redis.call('HSET', claim, 'outcome', outcome)
      redis.call('HDEL', claim, 'lease', 'until', 'refused_at')
    end
    if state == 'refused' then redis.call('HSET', claim, 'refused_at', refused_at) end
  end
  if token ~= '' and state == 'open' and f[2] ~= 'answered' and not leased and f[5] ~= token then
    redis.call('HSET', claim, 'lease', token, 'until', now + LEASE)
  end
  -- The run that confirms last is the one that may commit: a fenced one's word must not stay.
  if intent ~= '' and intent ~= f[7] and (ARGV[6] == '1' or not f[7]) then
    redis.call('HSET', claim, 'intent', intent)
    redis.call('HINCRBY', claim, 'v', 1)
  end
  redis.call('PEXPIRE', claim, TTL)
  return 1
end

local results = {}
for i = 2, #KEYS, 2 do
  results[#results + 1] = renew(KEYS[i], KEYS[i + 1], 8 + (i - 2) / 2 * 9)
end
return reply('done', unpack(results))
