-- Decides whether a call of these scopes may begin. provider/gate.ts explains holds. Times are Redis's own, in ms.
-- KEYS  1 pause, 2-5 the holds of outage, route, key, config
-- ARGV  1 id of the request that would probe, '' for none   2 a name for its probe   3 the lease of a probe, ms
--       4 the name of this worker's probe that is under way, to renew its lease, '' for none
--       5 how much later than others a request that has failed may probe, ms
-- returns {state, wait ms, now ms, number of the first held scope (1-4, 0 for none), code and cause of its last failure}
--   state: 'closed' nothing is held
--          'probe'  a scope is held, and this request is to probe
--          'held'   a scope is held: wait for at most `wait ms`, then ask again
--          'paused' the operator has paused all calls
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local id, probe, lease, renewed, later = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])

if redis.call('EXISTS', KEYS[1]) == 1 then
  return { 'paused', -1, now, 0, '', '' }
end

-- Returns a time of the hold. It cannot be more than `most` ms ahead unless Redis's clock was set back, or another server has taken over:
-- then it is moved to `most` ms from now.
local function correctTime(key, field, value, most)
  local at = tonumber(value)
  if at <= now + most then return at end
  redis.call('HSET', key, field, now + most)
  return now + most
end

local held, wait, first = {}, 0, nil
for scope = 1, 4 do
  local key = KEYS[scope + 1]
  local hold = redis.call('HMGET', key, 'held', 'next', 'probe', 'probeUntil', 'code', 'cause', 'gap', 'since')
  if hold[1] then
    held[#held + 1] = key
    first = first or { scope, hold[5], hold[6] or '' }
    local due = correctTime(key, 'next', hold[2], tonumber(hold[7]))
    correctTime(key, 'since', hold[8], 0)
    if hold[3] == renewed then
      redis.call('HSET', key, 'probeUntil', now + lease)
      due = math.max(due, now + lease)
    elseif hold[3] and hold[3] ~= probe then
      due = math.max(due, correctTime(key, 'probeUntil', hold[4], lease))
    end
    -- For a short time only requests that have not failed yet may take the probe.
    if id ~= '' and redis.call('HEXISTS', key, 'f:' .. id) == 1 then due = due + later end
    wait = math.max(wait, due - now)
  end
end

if #held == 0 then
  return { 'closed', 0, now, 0, '', '' }
end
if wait > 0 or id == '' then
  return { 'held', wait, now, unpack(first) }
end
for _, key in ipairs(held) do
  redis.call('HSET', key, 'probe', probe, 'probeUntil', now + lease)
  redis.call('HINCRBY', key, 'probes', 1)
end
return { 'probe', 0, now, unpack(first) }
