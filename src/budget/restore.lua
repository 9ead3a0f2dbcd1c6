-- Adds spendings of before to a generation: to one that is being rebuilt and has no state yet, or what a live worker
-- still knows. Sent again it adds nothing: each has an id, and stays among the open reservations.
--
-- ARGV 9  generation, 10 Redis's clock must be read without a state: '1'; else the state's generation must be that one
-- then four for each: id, ms when it was spent, requests, tokens
-- Returns { 'lost' } when the state has another generation, or is missing, else { 'ok' }

local state = load()
if ARGV[10] == '1' then
  state = state or { offset = 0, last = 0 }
elseif not state or state.gen ~= ARGV[9] then
  return { 'lost' }
end
local now = clock(state)
generation = ARGV[9]
for i = 11, #ARGV, 4 do
  -- A worker's clock may be ahead of Redis's.
  local ms, requests, tokens = min(now, tonumber(ARGV[i + 1])), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  if setOpen(ARGV[i], ms, tokens) then
    spend(now, ms, requests, tokens)
  end
end
return { 'ok' }
