-- Reserves one request and its tokens in every axis, or nothing: then it takes, or keeps, a place in the fleet's line.
-- Sent again with the same id it gives the same grant again.
--
-- ARGV 9 id, 10 tokens, 11 refuse when the wait is longer than so many ms, 12 lease: ms that a waiter may be late,
--      13 longest time until a waiter must ask again, ms, 14 generation known to the caller, 15 highest seq it has seen in it
-- Returns { 'lost' }: no state, or an older copy of it, which has to be rebuilt now
--         { 'granted', generation, seq, age of the grant, now, used requests and tokens in the minute, and in the day }
--         { 'wait', generation, seq, ms until its turn, ms until it must ask again }
--         { 'refused', generation, seq, ms until its turn }      times in ms; it is in no line then

local id, tokens, patience = ARGV[9], tonumber(ARGV[10]), tonumber(ARGV[11])
local late, renewal = tonumber(ARGV[12]), tonumber(ARGV[13])

local state = load()
if state and state.gen == ARGV[14] and state.seq < tonumber(ARGV[15]) then
  lose(state)
  return { 'lost' }
elseif not state then
  -- Unknown to the caller as well, it may be one that nobody has opened yet.
  if ARGV[14] ~= '' then
    lose(load(true))
  end
  return { 'lost' }
end
local now = clock(state)

local function granted(ms)
  local used = {}
  for i, w in ipairs(WINDOWS) do
    used[2 * i - 1], used[2 * i] = w.used[1], w.used[2]
  end
  return { 'granted', state.gen, state.seq, now - ms, ms, unpack(used) }
end

for _, w in ipairs(WINDOWS) do
  look(w, now)
end
local again = redis.call('HGET', openKey(now), id) or redis.call('HGET', openKey(now - OPEN_BLOCK_MS), id)
if again then
  return granted(tonumber(string.match(again, ':(%d+)$')))
end

local line, mine = pruneLine(state.line, id, now)
mine = mine or { id, tokens, state.place + 1 }
state.place = max(state.place, mine[3])

-- Those ahead: a worker asks for one request at a time, so the line is as long as there are workers.
local ahead, nextAsk = {}, now + renewal
for _, entry in ipairs(line) do
  if entry[3] < mine[3] then
    ahead[#ahead + 1] = entry
    -- Should it be dead, its share is ours from then on.
    nextAsk = min(nextAsk, entry[4] + 1)
  end
end
local place = #ahead + 1
ahead[place] = mine
local at = plan(state, ahead, now)[place]

if at <= now then
  for _, w in ipairs(WINDOWS) do
    add(w, w.newest, 1, tokens, w.path)
    w.used = { w.used[1] + 1, w.used[2] + tokens }
  end
  setOpen(id, now, tokens)
  state.seq = state.seq + 1
  if SPACING > 0 then
    state.tat = max(state.tat, now) + SPACING
  end
  state.line = line
  local follower = line[place]
  if follower and follower[6] ~= state.freed and follower[5] > now then
    wake(follower)
  end
  save(state)
  return granted(now)
end

if at - now > patience then
  state.line = line
  save(state)
  return { 'refused', state.gen, state.seq, at - now }
end

nextAsk = max(now + 1, min(at, nextAsk))
mine[2], mine[4], mine[5], mine[6] = tokens, nextAsk + late, nextAsk, state.freed
table.insert(line, place, mine)
state.line = line
save(state)
return { 'wait', state.gen, state.seq, at - now, nextAsk - now }
