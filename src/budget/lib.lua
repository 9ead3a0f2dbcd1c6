-- Shared by the budget's scripts, each of which is run with this file before it.
--
-- KEYS[1]  <prefix>state     hash: generation, clock, holds, the fleet's line (see `load`)
-- derived  <prefix><generation>:<window>:<block>   hash: what was spent, a tree of sums over ticks; expires by itself
--          <prefix><generation>:open:<block>       hash: reservation id -> "tokens:ms", those not settled yet; expires too
-- ARGV 1-4 limits: requests and tokens a minute, requests and tokens a day ('' is none)
-- ARGV 5-6 how long a unit stays spent in the minute's and the day's window, ms (the window and the margin)
-- ARGV 7-8 even spacing: ms from one request to the next (0 is none), and how many ms of it a burst may run ahead
--
-- A block is 65,536 ticks; a window is at most so long, and so lies in one block or two. A block's tree has four levels
-- of nodes with 16 children; a node is its children's sums, 16 of requests and then 16 of tokens. So what is spent in a
-- window, a correction at any tick of it, and the moment when some units of it are back each touch four nodes of a block,
-- however much the window holds, and a block never has more than 4,369 nodes.

local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

local TICKS = 65536
-- The first node of each level, leaves first.
local LEVEL = { 0, 4096, 4352, 4368 }
local OPEN_BLOCK_MS = 3700000
local NEVER = 2 ^ 52

local prefix = string.sub(KEYS[1], 1, -6)
local generation

local function window(name, length, requests, tokens)
  return { name = name, length = length, tick = ceil(length / (TICKS - 2)), limit = { requests, tokens } }
end

local WINDOWS = {
  window('m', tonumber(ARGV[5]), tonumber(ARGV[1]), tonumber(ARGV[2])),
  window('d', tonumber(ARGV[6]), tonumber(ARGV[3]), tonumber(ARGV[4])),
}
local SPACING, AHEAD = tonumber(ARGV[7]), tonumber(ARGV[8])

-- State -------------------------------------------------------------------------------------------------------------

local FIELDS = { 'gen', 'seq', 'last', 'offset', 'hold', 'closed', 'tat', 'place', 'freed', 'line', 'over' }

-- Redis's clock in ms, which never goes back: a step back of it is added to `offset`, so that time goes on from there.
local function clock(state)
  local time = redis.call('TIME')
  local now = time[1] * 1000 + floor(time[2] / 1000) + state.offset
  if now < state.last then
    state.offset = state.offset + state.last - now
    now = state.last
  end
  state.last = now
  return now
end

-- gen: the generation; seq: grants so far; hold, closed: nothing is granted before (told by the provider; data was lost);
-- tat: when the spacing is used up (GCRA); place: last place given in the line; freed: how often waits became shorter.
-- line: { { id, tokens, place, lease, askAgainAt, freed when told } }, by place: the head of each waiting worker's line.
-- over: per window and axis, { units, until, seq } that the provider counts beyond what is known here, or false.
-- Returns nil when there is no state: it was lost, or never opened.
local function load()
  local raw = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  if not raw[1] then
    return nil
  end
  local state = { gen = raw[1] }
  for i = 2, 9 do
    state[FIELDS[i]] = tonumber(raw[i])
  end
  state.line = raw[10] ~= '' and cmsgpack.unpack(raw[10]) or {}
  state.over = raw[11] ~= '' and cmsgpack.unpack(raw[11]) or { { false, false }, { false, false } }
  generation = state.gen
  return state
end

local function save(state)
  local line = #state.line > 0 and cmsgpack.pack(state.line) or ''
  local over = ''
  for w = 1, 2 do
    for k = 1, 2 do
      if state.over[w][k] then
        over = cmsgpack.pack(state.over)
      end
    end
  end
  redis.call('HSET', KEYS[1], 'gen', state.gen, 'seq', state.seq, 'last', state.last, 'offset', state.offset,
    'hold', state.hold, 'closed', state.closed, 'tat', state.tat, 'place', state.place, 'freed', state.freed,
    'line', line, 'over', over)
end

-- Wakes one waiting worker that was told a wait which is too long by now.
local function wake(entry)
  redis.call('PUBLISH', prefix .. 'wake', entry[1])
end

-- Trees -------------------------------------------------------------------------------------------------------------

local function blockKey(w, block)
  return prefix .. generation .. ':' .. w.name .. ':' .. string.format('%.0f', block)
end

-- The nodes over a tick, leaf first; false where nothing was spent.
local function readPath(key, tick)
  local t = tick % TICKS
  local nodes = redis.call('HMGET', key, floor(t / 16), LEVEL[2] + floor(t / 256), LEVEL[3] + floor(t / 4096), LEVEL[4])
  for level = 1, 4 do
    nodes[level] = nodes[level] and cmsgpack.unpack(nodes[level])
  end
  return nodes
end

local function total(root)
  local requests, tokens = 0, 0
  if root then
    for child = 1, 16 do
      requests = requests + root[child]
      tokens = tokens + root[16 + child]
    end
  end
  return requests, tokens
end

-- What was spent in the block before the tick.
local function before(nodes, tick)
  local t = tick % TICKS
  local requests, tokens = 0, 0
  for level = 1, 4 do
    local node = nodes[level]
    if node then
      for child = 1, t % 16 do
        requests = requests + node[child]
        tokens = tokens + node[16 + child]
      end
    end
    t = floor(t / 16)
  end
  return requests, tokens
end

-- Adds units (negative ones too) at a tick; `nodes` is its path when it has been read already.
local function add(w, tick, requests, tokens, nodes)
  local key = blockKey(w, floor(tick / TICKS))
  nodes = nodes or readPath(key, tick)
  local fresh = not nodes[4]
  local t = tick % TICKS
  local command = { 'HSET', key }
  for level = 1, 4 do
    local node = nodes[level]
    if not node then
      node = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    end
    local child = t % 16 + 1
    node[child] = node[child] + requests
    node[16 + child] = node[16 + child] + tokens
    t = floor(t / 16)
    command[2 * level + 1] = LEVEL[level] + t
    command[2 * level + 2] = cmsgpack.pack(node)
  end
  redis.call(unpack(command))
  if fresh then
    redis.call('PEXPIRE', key, 2 * TICKS * w.tick + 60000)
  end
end

-- The oldest tick that still counts: a unit of tick T is back at (T + 1) * tick + length.
local function oldestTick(w, now)
  return floor((now - w.length) / w.tick)
end

local function backAt(w, tick)
  return (tick + 1) * w.tick + w.length
end

-- Reads what the window holds now: `used`, and what `freeAt` and `add` need of it.
local function look(w, now)
  w.oldest, w.newest = oldestTick(w, now), floor(now / w.tick)
  local block, first = floor(w.newest / TICKS), floor(w.oldest / TICKS)
  w.path = readPath(blockKey(w, block), w.newest)
  local requests, tokens = total(w.path[4])
  local path = readPath(blockKey(w, first), w.oldest)
  local goneRequests, goneTokens = before(path, w.oldest)
  w.gone, w.first = { goneRequests, goneTokens }, { requests, tokens }
  if first < block then
    local firstRequests, firstTokens = total(path[4])
    w.first = { firstRequests, firstTokens }
    requests, tokens = requests + firstRequests, tokens + firstTokens
  end
  w.used = { requests - goneRequests, tokens - goneTokens }
end

-- When `units` (1 or more, at most what is used) of those that the window holds are back. k: 1 requests, 2 tokens.
local function freeAt(w, k, units)
  local block, target = floor(w.oldest / TICKS), w.gone[k] + units
  if target > w.first[k] then
    target = target - w.first[k]
    block = block + 1
  end
  local key, index, shift = blockKey(w, block), 0, 16 * (k - 1)
  for level = 4, 1, -1 do
    local node = cmsgpack.unpack(redis.call('HGET', key, LEVEL[level] + index))
    local child = 1
    while child < 16 and node[shift + child] < target do
      target = target - node[shift + child]
      child = child + 1
    end
    index = index * 16 + child - 1
  end
  return backAt(w, block * TICKS + index)
end

-- Open reservations ---------------------------------------------------------------------------------------------------

local function openKey(ms)
  return prefix .. generation .. ':open:' .. string.format('%.0f', floor(ms / OPEN_BLOCK_MS))
end

local function setOpen(id, ms, tokens)
  local key = openKey(ms)
  if redis.call('HSETNX', key, id, string.format('%.0f:%.0f', tokens, ms)) == 0 then
    return false
  end
  redis.call('PEXPIRE', key, 2 * OPEN_BLOCK_MS)
  return true
end

-- Spends in both windows, as far as `ms` still counts there.
local function spend(now, ms, requests, tokens)
  for _, w in ipairs(WINDOWS) do
    local tick = floor(ms / w.tick)
    if tick >= oldestTick(w, now) then
      add(w, tick, requests, tokens)
    end
  end
end

-- The line ------------------------------------------------------------------------------------------------------------

-- When the i-th in line fits into one axis, those before it being admitted as planned.
-- weights: running sums of what the line needs; limit: what the axis may hold.
local function fitsAt(w, k, limit, weights, planned, i, now)
  local need = weights[i]
  if need - (weights[i - 1] or 0) > limit then
    return NEVER
  end
  if need <= limit then
    local missing = w.used[k] + need - limit
    return missing > 0 and freeAt(w, k, missing) or now
  end
  -- It has to wait for some of the line to be back, and all that is spent now is back before those.
  local j = 1
  while need - weights[j] > limit do
    j = j + 1
  end
  return backAt(w, floor(planned[j] / w.tick))
end

-- The same with what the provider counts beyond it, while that holds.
local function axisAt(w, k, over, weights, planned, i, now)
  local limit = w.limit[k]
  local at = fitsAt(w, k, limit, weights, planned, i, now)
  if over and over[2] > now then
    return min(max(at, over[2]), fitsAt(w, k, limit - over[1], weights, planned, i, now))
  end
  return at
end

-- When each in `line` is admitted, in its order, as things stand; needs `look` at both windows. Returns the times, ms.
local function plan(state, line, now)
  local planned, tat = {}, state.tat
  local at = max(now, state.hold, state.closed)
  local weights = { {}, {} }
  -- An entry of a worker with higher limits is counted with no more than ever fits here.
  local most = min(WINDOWS[1].limit[2] or NEVER, WINDOWS[2].limit[2] or NEVER)
  for i, entry in ipairs(line) do
    weights[1][i] = i
    weights[2][i] = (weights[2][i - 1] or 0) + min(entry[2], most)
    for number, w in ipairs(WINDOWS) do
      for k = 1, 2 do
        if w.limit[k] then
          at = max(at, axisAt(w, k, state.over[number][k], weights[k], planned, i, now))
        end
      end
    end
    if SPACING > 0 then
      at = max(at, ceil(tat - AHEAD))
      tat = max(tat, at) + SPACING
    end
    planned[i] = at
  end
  return planned
end

-- Takes out of the line whose lease is over, and the entry with this id. Returns the line, and that entry or nil.
local function pruneLine(line, id, now)
  local kept, mine = {}, nil
  for _, entry in ipairs(line) do
    if entry[1] == id then
      mine = entry
    elseif entry[4] >= now then
      kept[#kept + 1] = entry
    end
  end
  return kept, mine
end
