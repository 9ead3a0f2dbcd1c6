-- Reads the budget's status; writes nothing.
--
-- Returns { 'lost' } without a state, or with one that must be rebuilt, else
--         { 'ok', generation, waiting, hold, closed, and for each axis (requests and tokens a minute, then a day):
--           used, ms until some of it is free again (-1: nothing is used), units that the provider counts beyond `used` }
-- hold and closed: ms from now until the provider's hold, and the closing after lost data, are over (0: there is none)

local state = load()
if not state then
  return { 'lost' }
end
local now = clock(state)
local line = pruneLine(state.line, '', now)
local reply = { 'ok', state.gen, #line, max(0, state.hold - now), LIMITED and max(0, state.closed - now) or 0 }
for number, w in ipairs(WINDOWS) do
  look(w, now)
  for k = 1, 2 do
    local over = state.over[number][k]
    reply[#reply + 1] = w.used[k]
    reply[#reply + 1] = w.used[k] > 0 and freeAt(w, k, 1) - now or -1
    reply[#reply + 1] = over and over[2] > now and over[1] or 0
  end
end
return reply
