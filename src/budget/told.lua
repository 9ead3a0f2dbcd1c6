-- Narrows the shared budget to the limits that the provider reported, holds it, or shuts it because data was lost. Told nothing, it
-- only replies with the version.
--
-- ARGV 9  grant nothing for this many ms ('': not said), 10 why: 'hold' (the provider asked for it), 'closed' (data was lost: the
--         budget is also shut until it is rebuilt, see `lose`) or '' (not said)
-- ARGV 11 seq of the grant whose call was answered; 0 without an answer
-- then, with an answer, for requests and for tokens, four each: remaining ('': not said), ms until the provider's whole limit is free
--      again, and how many the minute's and the day's window held when the request was granted
-- Returns { 'lost' } without a state, or with one that must be rebuilt; else { 'ok', generation, seq }

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
    -- Ignore the answer to an earlier request while a report of a later one holds.
    if w.limit[k] and not (over and over[3] > seq and over[2] > now) then
      look(w, now)
      -- This budget may have spent more since the report. Only what exceeds its own spendings was spent elsewhere.
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
