-- Runs before every script on claims and of recovery (except resign), and notices lost data, so that nothing is decided by incomplete data.
--
-- KEYS[1]  the state hash: epoch, seq, status (lost; recovering; open: its data is trusted), server, at (when a script last trusted it,
--          ms); while its data is not trusted also: from (what `at` was in this copy), was (the epoch before), seen (the highest
--          seq that a worker saw in that epoch)
-- ARGV[1]  the epoch that the caller knows, empty when none
-- ARGV[2]  the highest seq that it has seen in that epoch
-- ARGV[3]  the run id of the Redis that it is connected to, empty when Redis does not tell
-- Returns  {verdict, seq, ...}. Verdicts: trusted; missing (no state: flushed, or never begun); lost (an older copy: seq went
--          backwards, or another server answers); recovering; epoch (can be trusted, but in another epoch than the caller
--          knows: recovered since, or the caller has just started)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seq = 0

-- Returns the named fields of a hash; missing ones are nil.
local function fields(key, ...)
  local values, named = redis.call('HMGET', key, ...), {}
  for i, name in ipairs({...}) do named[name] = values[i] or nil end
  return named
end

local function guard()
  local state = fields(KEYS[1], 'epoch', 'seq', 'status', 'server', 'at', 'was', 'seen')
  local told_epoch, told_seq, told_server = ARGV[1], tonumber(ARGV[2]), ARGV[3]
  if not state.epoch then return 'missing' end
  if state.status ~= 'open' then
    if state.was == told_epoch and told_seq > tonumber(state.seen) then redis.call('HSET', KEYS[1], 'seen', told_seq) end
    return state.status
  end
  local known = state.epoch == told_epoch
  local other_server = state.server ~= told_server and state.server ~= '' and told_server ~= ''
  if other_server or (known and tonumber(state.seq) < told_seq) then
    -- This copy lacks everything that happened after `at`.
    local seen = known and told_seq or 0
    redis.call('HSET', KEYS[1], 'status', 'lost', 'from', state.at, 'was', state.epoch, 'seen', seen)
    return 'lost'
  end
  seq = tonumber(state.seq)
  if not known then return 'epoch' end
  seq = seq + 1
  redis.call('HSET', KEYS[1], 'seq', seq, 'at', now)
  return 'trusted'
end

local verdict = guard()

local function reply(...) return {verdict, seq, ...} end

-- Runs `one` for each item of the call, with the item's mark, claim and `count` arguments (from ARGV[4] on). The reply holds one result
-- for each item.
local function each(count, one)
  local results = {verdict, seq}
  for i = 1, (#KEYS - 1) / 2 do
    results[i + 2] = one(KEYS[2 * i], KEYS[2 * i + 1], unpack(ARGV, 4 + (i - 1) * count, 3 + i * count))
  end
  return results
end
