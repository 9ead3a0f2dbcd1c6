-- Narrows the shared budget to the limits that the provider told.
--
-- ARGV 9  nothing is granted for so many ms ('' is nothing said), 10 why: 'hold' (the provider), 'closed' (data was lost:
--         nor before it is rebuilt)
-- ARGV 11 seq of the request that was answered
-- then for requests and for tokens, four each: remaining ('' is nothing said), ms until the provider's limit is whole again,
--      what the minute, and what the day, held of it when the request was granted
-- Returns { 'lost' } without a state, or with one to be rebuilt, else { 'ok', generation, seq }

local state = load(true)
if ARGV[10] == 'closed' then
  state = lose(state)
elseif not state then
  return { 'lost' }
end
local now = clock(state)
if ARGV[9] ~= '' then
  state[ARGV[10]] = max(state[ARGV[10]], now + tonumber(ARGV[9]))
end
local seq = tonumber(ARGV[11])
for k = 1, 2 do
  local said = 12 + 4 * (k - 1)
  local remaining, reset = tonumber(ARGV[said]), tonumber(ARGV[said + 1])
  if remaining and reset then
    local number = (reset <= WINDOWS[1].length or not WINDOWS[2].limit[k]) and 1 or 2
    local w, over = WINDOWS[number], state.over[number][k]
    -- An answer of an earlier request knows less.
    if w.limit[k] and not (over and over[3] > seq and over[2] > now) then
      look(w, now)
      -- What is known here to be spent may be newer than what was said: only the rest is somebody else's.
      local known = max(w.used[k], tonumber(ARGV[said + 1 + number]))
      local units = w.limit[k] - known - remaining
      state.over[number][k] = units > 0 and reset > 0 and { units, now + reset, seq } or false
    elseif not w.limit[k] and remaining == 0 then
      state.hold = max(state.hold, now + reset)
    end
  end
end
save(state)
return { state.lost == 1 and 'lost' or 'ok', state.gen, state.seq }
