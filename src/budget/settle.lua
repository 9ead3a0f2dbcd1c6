-- Corrects reservations to what was billed, at the tick when each was made. A correction that is sent again does nothing.
--
-- ARGV from 9 on, three for each: id, ms when it was granted, tokens billed ('' keeps the reservation). One that was settled
-- before, or is older than two hours, is skipped.
-- Returns { 'lost' } without a state, or with one that must be rebuilt (and is corrected all the same);
--         else { 'settled', generation, seq }

local state = load(true)
if not state then
  return { 'lost' }
end
local now = clock(state)

local byKey = {}
for i = 9, #ARGV, 3 do
  local key = unsettledKey(tonumber(ARGV[i + 1]))
  byKey[key] = byKey[key] or { ids = {}, ms = {}, billed = {} }
  local some = byKey[key]
  table.insert(some.ids, ARGV[i])
  table.insert(some.ms, tonumber(ARGV[i + 1]))
  table.insert(some.billed, ARGV[i + 2])
end

local corrections, freed = {}, false
for key, some in pairs(byKey) do
  local unsettled, settled = redis.call('HMGET', key, unpack(some.ids)), {}
  for i, id in ipairs(some.ids) do
    -- An id that comes twice in one call counts once.
    if unsettled[i] and not settled[id] then
      settled[id] = true
      local billed = tonumber(some.billed[i])
      local correction = billed and billed - tonumber(string.match(unsettled[i], '^%d+')) or 0
      if correction ~= 0 then
        corrections[#corrections + 1] = { some.ms[i], 0, correction }
        freed = freed or correction < 0
      end
    end
  end
  if next(settled) then
    redis.call('HDEL', key, unpack(some.ids))
  end
end
if #corrections > 0 then
  spendAll(now, corrections)
end
local head = state.line[1]
if freed and head then
  state.freed = state.freed + 1
  if head[5] > now then
    wake(head)
  end
end
save(state)
return { state.lost == 1 and 'lost' or 'settled', state.gen, state.seq }
