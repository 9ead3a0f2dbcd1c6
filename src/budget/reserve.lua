-- Reserves requests with their tokens, each in every axis or not at all. When the first request does not fit, it takes or keeps the
-- caller's place in the fleet's line, or is refused. When a later one does not fit, it and those behind it are left for the next call.
-- While other callers wait in the line, one request is granted per call. An id that is sent again gets the same grant again.
--
-- ARGV 9 longest wait, ms: a request that would wait longer is refused, 10 how late a waiter may ask again without losing its place, ms,
--      11 longest time until a waiter must ask again, ms, 12 generation known to the caller, 13 highest seq that it has seen in it
-- then two for each request, in the caller's order: id, tokens
-- Returns { 'lost' }: there is no state, it is marked as lost, or it is older than what the caller has seen (and now marked as lost)
--         { 'granted', generation, seq, now, and for each of the requests that are granted, from the first on:
--           when it was granted, used requests and tokens in the minute, and in the day }
--         { 'wait', generation, seq, ms until the first one's turn, ms until it must ask again }
--         { 'refused', generation, seq, ms until the first one's turn }      it is not in the line then

local patience, late, renewal = tonumber(ARGV[9]), tonumber(ARGV[10]), tonumber(ARGV[11])

local state = load()
if state and state.gen == ARGV[12] and state.seq < tonumber(ARGV[13]) then
  lose(state)
  return { 'lost' }
elseif not state then
  -- A caller without a generation has never seen the budget, which may not have been created yet: it is not marked as lost then.
  if ARGV[12] ~= '' then
    lose(load(true))
  end
  return { 'lost' }
end
local now = clock(state)
for _, w in ipairs(WINDOWS) do
  look(w, now)
end

local requests, ids = {}, {}
for i = 14, #ARGV, 2 do
  requests[#requests + 1] = { id = ARGV[i], tokens = tonumber(ARGV[i + 1]) }
  ids[#ids + 1] = ARGV[i]
end
local unsettled = redis.call('HMGET', unsettledKey(now), unpack(ids))
local before = unsettledKey(now - UNSETTLED_BLOCK_MS)
local unsettledBefore = redis.call('EXISTS', before) == 1 and redis.call('HMGET', before, unpack(ids)) or {}

local line, mine = pruneLine(state.line, ids[1], now)

-- Tells whether one more request fits now, with nobody before it in the line.
local function fits(tokens)
  if now < max(state.hold, LIMITED and state.closed or 0) or (SPACING > 0 and ceil(state.tat - AHEAD) > now) then
    return false
  end
  for number, w in ipairs(WINDOWS) do
    local need = { 1, tokens }
    for k = 1, 2 do
      local over = state.over[number][k]
      local beyond = over and over[2] > now and over[1] or 0
      if w.limit[k] and w.used[k] + need[k] > w.limit[k] - beyond then
        return false
      end
    end
  end
  return true
end

local granted, spent = {}, {}

local function grant(request)
  spent[1] = (spent[1] or 0) + 1
  spent[2] = (spent[2] or 0) + request.tokens
  for _, w in ipairs(WINDOWS) do
    w.used = { w.used[1] + 1, w.used[2] + request.tokens }
  end
  state.seq = state.seq + 1
  if SPACING > 0 then
    state.tat = max(state.tat, now) + SPACING
  end
  granted[#granted + 1] = request
  request.at = now
  request.used = { WINDOWS[1].used[1], WINDOWS[1].used[2], WINDOWS[2].used[1], WINDOWS[2].used[2] }
end

local function reply()
  if spent[1] then
    for _, w in ipairs(WINDOWS) do
      addAll(w, { { w.newest, spent[1], spent[2] } })
    end
    local command = { 'HSET', unsettledKey(now) }
    for _, request in ipairs(granted) do
      if not request.again then
        command[#command + 1] = request.id
        command[#command + 1] = string.format('%.0f:%.0f', request.tokens, now)
      end
    end
    redis.call(unpack(command))
    redis.call('PEXPIRE', unsettledKey(now), 2 * UNSETTLED_BLOCK_MS)
  end
  state.line = line
  save(state)
  local told = { 'granted', state.gen, state.seq, now }
  for _, request in ipairs(granted) do
    told[#told + 1] = request.at
    for i = 1, 4 do
      told[#told + 1] = request.used[i]
    end
  end
  return told
end

for i, request in ipairs(requests) do
  local again = unsettled[i] or unsettledBefore[i]
  if again then
    request.again, request.at = true, tonumber(string.match(again, ':(%d+)$'))
    request.used = { WINDOWS[1].used[1], WINDOWS[1].used[2], WINDOWS[2].used[1], WINDOWS[2].used[2] }
    granted[#granted + 1] = request
  elseif i > 1 then
    if #line > 0 or not fits(request.tokens) then
      break
    end
    grant(request)
  else
    mine = mine or { request.id, request.tokens, state.place + 1 }
    state.place = max(state.place, mine[3])
    -- Each caller has one place, so the line is never longer than the number of callers.
    local ahead, nextAsk = {}, now + renewal
    for _, entry in ipairs(line) do
      if entry[3] < mine[3] then
        ahead[#ahead + 1] = entry
        -- If that caller is dead, its lease has expired by then, and this turn may come earlier.
        nextAsk = min(nextAsk, entry[4] + 1)
      end
    end
    local place = #ahead + 1
    ahead[place] = { mine[1], request.tokens, mine[3] }
    local at = plan(state, ahead, now)[place]
    if at > now then
      if at - now > patience then
        state.line = line
        save(state)
        return { 'refused', state.gen, state.seq, at - now }
      end
      nextAsk = max(now + 1, min(at, nextAsk))
      mine[2], mine[4], mine[5], mine[6] = request.tokens, nextAsk + late, nextAsk, state.freed
      table.insert(line, place, mine)
      state.line = line
      save(state)
      return { 'wait', state.gen, state.seq, at - now, nextAsk - now }
    end
    grant(request)
    local follower = line[place]
    if follower and follower[6] ~= state.freed and follower[5] > now then
      wake(follower)
    end
  end
end
return reply()
