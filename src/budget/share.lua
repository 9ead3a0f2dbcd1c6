-- Takes a request and its tokens from a user's share of a day, or tells when they will fit. Negative amounts are given back.
--
-- KEYS[1]  <prefix>user:<id>   hash: <hour>:r and <hour>:t -> requests and tokens taken in that hour; expires 26 hours after a change
-- ARGV 1 requests, 2 tokens, 3 and 4 the most of each in a day ('' is no bound), 5 the day's length in ms, 6 the hour in which the
--      request was taken, to give back or to correct it; '' to take a new one
-- Returns { 0, hour }                     taken, given back or corrected
--         { ms until it fits, '' }        not taken
-- A unit stays taken until its hour is a day old: for 24 to 25 hours. A user who has taken nothing may always take one request.

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local length = tonumber(ARGV[5])
local hourMs = math.ceil(length / 24)
local hour = ARGV[6] ~= '' and tonumber(ARGV[6]) or math.floor(now / hourMs)

local function endsAt(block)
  return (block + 1) * hourMs + length
end

local function add()
  for i, kind in ipairs({ 'r', 't' }) do
    local amount = tonumber(ARGV[i])
    if amount ~= 0 then
      redis.call('HINCRBY', KEYS[1], string.format('%.0f:%s', hour, kind), string.format('%.0f', amount))
    end
  end
  redis.call('PEXPIRE', KEYS[1], length + 2 * hourMs)
  return { 0, string.format('%.0f', hour) }
end

if ARGV[6] ~= '' then
  return endsAt(hour) > now and add() or { 0, ARGV[6] }
end

local taken, total, blocks, old = {}, { r = 0, t = 0 }, {}, {}
local stored = redis.call('HGETALL', KEYS[1])
for i = 1, #stored, 2 do
  local block, kind = string.match(stored[i], '^(%d+):(%a)$')
  block = tonumber(block)
  if endsAt(block) <= now then
    old[#old + 1] = stored[i]
  else
    if not taken[block] then
      taken[block] = { r = 0, t = 0 }
      blocks[#blocks + 1] = block
    end
    taken[block][kind] = tonumber(stored[i + 1])
    total[kind] = total[kind] + taken[block][kind]
  end
end
if #old > 0 then
  redis.call('HDEL', KEYS[1], unpack(old))
end
table.sort(blocks)

local function fits(kind, amount, most)
  return most == '' or total[kind] <= 0 or total[kind] + tonumber(amount) <= tonumber(most)
end

local waitMs = 0
for _, block in ipairs(blocks) do
  if fits('r', ARGV[1], ARGV[3]) and fits('t', ARGV[2], ARGV[4]) then
    break
  end
  waitMs = endsAt(block) - now
  total.r = total.r - taken[block].r
  total.t = total.t - taken[block].t
end
return waitMs > 0 and { waitMs, '' } or add()
