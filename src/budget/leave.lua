-- Gives up a place in the line.
--
-- ARGV 9 id
-- Returns 1 when the id was in the line, else 0

local state = load()
if not state then
  return 0
end
local now = clock(state)
local line, mine = pruneLine(state.line, ARGV[9], now)
state.line = line
if mine then
  state.freed = state.freed + 1
  if line[1] and line[1][5] > now then
    wake(line[1])
  end
end
save(state)
return mine and 1 or 0
