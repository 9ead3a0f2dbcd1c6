-- Comes before every script on claims; notices lost data before anything is decided on what is left.
--
-- KEYS[1]  the state hash: epoch, seq, status (open, lost, recovering), server, at (ms of the last script); while it is not
--          open also: from (what `at` was in this copy), was (the epoch before), seen (the highest seq a worker saw in that)
-- ARGV[1]  the epoch that the caller knows, empty when none
-- ARGV[2]  the highest seq that it has seen in that epoch
-- ARGV[3]  the run id of the Redis that it is connected to, empty when Redis does not tell
-- Returns  {verdict, seq, ...}. Verdicts: open; missing (no state: flushed, or never begun); lost (an older copy: seq went
--          backwards, or another server answers); recovering; epoch (open, but recovered since the caller last looked)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seq = 0

local function guard()
  local s = redis.call('HMGET', KEYS[1], 'epoch', 'seq', 'status', 'server', 'at', 'was', 'seen')
  local epoch, status, server, was = s[1], s[3], s[4], s[6]
  local told_seq = tonumber(ARGV[2])
  if not epoch then return 'missing' end
  if status ~= 'open' then
    if was == ARGV[1] and told_seq > tonumber(s[7]) then redis.call('HSET', KEYS[1], 'seen', told_seq) end
    return status
  end
  local known = epoch == ARGV[1]
  local other_server = server ~= ARGV[3] and server ~= '' and ARGV[3] ~= ''
  if other_server or (known and tonumber(s[2]) < told_seq) then
    -- Nothing that happened after `at` is in this copy.
    redis.call('HSET', KEYS[1], 'status', 'lost', 'from', s[5], 'was', epoch, 'seen', known and told_seq or 0)
    return 'lost'
  end
  seq = tonumber(s[2])
  if not known then return 'epoch' end
  seq = seq + 1
  redis.call('HSET', KEYS[1], 'seq', seq, 'at', now)
  return 'open'
end

local verdict = guard()

local function reply(...) return {verdict, seq, ...} end
