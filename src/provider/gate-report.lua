-- Records how a call ended: counts a failure against a scope, and lifts the holds of the scopes that the call proves to work.
-- provider/gate.ts explains holds. Times are Redis's own, in ms.
-- KEYS  1-4 the holds of outage, route, key, config   5 successes   6 the names of all holds
-- ARGV  1 id   2 the name of its probe, '' for none   3 when the call was let through, ms
--       4 number of the blamed scope, 0 for none   5 code of the failure, 'answered', or '' when the call was not made or aborted
--       6 how many scopes, from the first on, the call proves to work   7 '1': the request was answered
--       8 how many failures in a row set a hold   9 the first, 10 the longest gap between probes, ms
--       11 a hold that no report changes expires after this time, ms
--       12 successes when this request first failed, -1: it has not failed before
--       13-16 the scopes' names   17 how many answered calls this report stands for   18 cause of a failure, for people
-- returns {successes, state of the blamed scope, its failures, [lifted scope, its code]...}
--   state: '' not held; 'held'; 'newly_held': held since this report; 'one_request': only one request fails, again and
--          again, and no other is answered; returned once
local REQUESTS = 1000 -- how many failed requests are counted separately
local ONE_REQUEST = 3 -- after this many failures of a single request it is logged
local GROWTH = 1.5
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, probe, startedAt = ARGV[1], ARGV[2], tonumber(ARGV[3])
local blamed, code, proved, answered = tonumber(ARGV[4]), ARGV[5], tonumber(ARGV[6]), ARGV[7] == '1'
local least, firstGap, longestGap, ttl = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10]), ARGV[11]
local failedFirst = tonumber(ARGV[12])

local successes
if answered then
  successes = redis.call('INCRBY', KEYS[5], ARGV[17])
  redis.call('PEXPIRE', KEYS[5], ttl)
else
  successes = tonumber(redis.call('GET', KEYS[5]) or '0')
end

local reply = { successes, '', 0 }
for scope = 1, 4 do
  local key = KEYS[scope]
  local hold = redis.call('HMGET', key, 'held', 'since', 'code', 'probe', 'failures')
  local isHeld, since = hold[1] and true, tonumber(hold[2] or '0')
  -- Any answer proves that the server is back. A hold of the route, key or configuration is lifted only by a call that began after
  -- it was set.
  if scope <= proved and hold[5] and (not isHeld or scope == 1 or startedAt >= since) then
    redis.call('DEL', key)
    if redis.call('SREM', KEYS[6], ARGV[12 + scope]) == 1 then
      reply[#reply + 1] = scope
      reply[#reply + 1] = hold[3]
    end
  elseif isHeld and hold[4] == probe then
    redis.call('HDEL', key, 'probe', 'probeUntil')
    if code ~= '' then
      local gap = math.min(longestGap, tonumber(redis.call('HGET', key, 'gap')) * GROWTH)
      redis.call('HSET', key, 'gap', math.floor(gap), 'next', now + math.floor(gap))
    end
    redis.call('PEXPIRE', key, ttl)
  end
end

if blamed > 0 then
  local key = KEYS[blamed]
  local isHeld = redis.call('HEXISTS', key, 'held') == 1
  if failedFirst >= 0 and successes > failedFirst then
    -- Others have been answered since this request first failed. The request may be the cause itself, so this failure does not count.
    if isHeld then
      redis.call('HSET', key, 'f:' .. id, 1)
      reply[2] = 'held'
    end
    return reply
  end
  local failures = redis.call('HINCRBY', key, 'failures', 1)
  local requests = tonumber(redis.call('HGET', key, 'requests') or '0')
  if requests < REQUESTS and redis.call('HSETNX', key, 'f:' .. id, 1) == 1 then
    requests = redis.call('HINCRBY', key, 'requests', 1)
  end
  redis.call('HSET', key, 'code', code, 'cause', ARGV[18], 'last', now)
  redis.call('HSETNX', key, 'since', now)
  redis.call('PEXPIRE', key, ttl)
  if isHeld then
    reply[2] = 'held'
  elseif requests >= 2 and failures >= least then
    redis.call('HSET', key, 'held', 1, 'since', now, 'gap', firstGap, 'next', now + firstGap)
    redis.call('SADD', KEYS[6], ARGV[12 + blamed])
    reply[2] = 'newly_held'
  elseif failures == ONE_REQUEST then
    redis.call('SADD', KEYS[6], ARGV[12 + blamed])
    reply[2] = 'one_request'
  end
  reply[3] = failures
end
return reply
