-- Renews the claims that a worker holds and restores those that Redis has lost. It never takes a claim from another message.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the claims' life, ms   [5] the leases' length, ms   [6] 1: change nothing unless the data is trusted (confirm)
-- ARGV[7]  1: items are sent in full; write what is missing   0: only tell what is missing
-- ARGV[8]  owner, hash, state, outcome, refused at, lease token, starts, starts alone, intent; and so on for each item
--          intent: what the transaction is about to publish: outcome | letter | refusal and T, ms (refuse.lua); empty before it
-- Returns  untrusted | done, then per item: 0 another message owns it or it is finished, 1 renewed, 2 missing or outdated (send it
--          in full)

if ARGV[6] == '1' and verdict ~= 'trusted' then return reply('untrusted') end
local TTL, LEASE, CONFIRMS, FULL = ARGV[4], tonumber(ARGV[5]), ARGV[6] == '1', ARGV[7] == '1'
local NAMES = {'owner', 'hash', 'state', 'outcome', 'refused_at', 'lease', 'starts', 'alone', 'intent'}

local function heldAt(item)
  local held = {}
  for i, name in ipairs(NAMES) do held[name] = ARGV[7 + item * #NAMES + i] end
  return held
end

local function renew(MARK, CLAIM, held)
  if redis.call('EXISTS', MARK) == 1 then return 0 end
  local claim = fields(CLAIM, 'owner', 'state', 'lease', 'until', 'ended', 'told', 'intent', 'v')
  if (claim.owner and claim.owner ~= held.owner) or claim.state == 'dead' or claim.told then return 0 end
  local behind = not claim.owner or (claim.state ~= 'answered' and held.state == 'answered')
  if behind and not FULL then return 2 end
  if not claim.owner then
    redis.call('HSET', CLAIM, 'owner', held.owner, 'hash', held.hash, 'state', 'open', 'v', 0,
      'starts', held.starts, 'alone', held.alone)
  end
  if behind then
    claim.v = (claim.v or 0) + 1
    redis.call('HSET', CLAIM, 'state', held.state, 'v', claim.v)
    if held.state == 'answered' then
      redis.call('HSET', CLAIM, 'outcome', held.outcome)
      redis.call('HDEL', CLAIM, 'lease', 'until', 'refused_at')
    end
    if held.state == 'refused' then redis.call('HSET', CLAIM, 'refused_at', held.refused_at) end
  end
  local leased = claim.lease and claim.lease ~= held.lease and tonumber(claim['until']) > now
  local asking = held.lease ~= '' and held.state == 'open' and claim.state ~= 'answered'
  if asking and not leased and claim.ended ~= held.lease then
    redis.call('HSET', CLAIM, 'lease', held.lease, 'until', now + LEASE)
  end
  -- The run that confirms last is the one that may commit: overwrite the intent of a fenced worker.
  if held.intent ~= '' and held.intent ~= claim.intent and (CONFIRMS or not claim.intent) then
    redis.call('HSET', CLAIM, 'intent', held.intent, 'v', (claim.v or 0) + 1)
  end
  redis.call('PEXPIRE', CLAIM, TTL)
  return 1
end

local results = {}
for i = 2, #KEYS, 2 do
  results[#results + 1] = renew(KEYS[i], KEYS[i + 1], heldAt((i - 2) / 2))
end
return reply('done', unpack(results))
