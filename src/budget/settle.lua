-- Corrects a reservation to what was billed, at the tick when it was made. Sent again it does nothing.
--
-- ARGV 9 id, 10 ms when it was granted, 11 tokens billed ('' keeps the reservation)
-- Returns { 'lost' }: no state, or one to be rebuilt (settled all the same); { 'settled' or 'gone' (settled before, or older than two hours), generation, seq }

local id, ms, billed = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local state = load(true)
if not state then
  return { 'lost' }
end
local now = clock(state)
local key = openKey(ms)
local open = redis.call('HGET', key, id)
if not open then
  return { state.lost == 1 and 'lost' or 'gone', state.gen, state.seq }
end
redis.call('HDEL', key, id)
local correction = billed and billed - tonumber(string.match(open, '^%d+')) or 0
if correction ~= 0 then
  spend(now, ms, 0, correction)
end
local head = state.line[1]
if correction < 0 and head then
  state.freed = state.freed + 1
  if head[5] > now then
    wake(head)
  end
end
save(state)
return { state.lost == 1 and 'lost' or 'settled', state.gen, state.seq }
