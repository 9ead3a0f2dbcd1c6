-- Keeps what was spent, by tick.
--
-- A block is 65,536 ticks; a window is at most that long, so it lies in one block or two. A block's tree has four levels of nodes with
-- 16 children each. A node holds its children's sums: 16 of requests, then 16 of tokens. So each operation (to sum a window, to correct
-- a tick, to find when units are free again) touches four nodes of a block, however much the window holds, and a block has at most
-- 4,369 nodes.

-- The first node of each level, leaves first.
local LEVEL = { 0, 4096, 4352, 4368 }
local UNSETTLED_BLOCK_MS = 3700000

local function blockKey(w, block)
  return prefix .. tree .. ':' .. w.name .. ':' .. string.format('%.0f', block)
end

-- Returns the nodes above a tick, leaf first; false where nothing was spent.
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

-- Returns what was spent in the block before the tick.
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

-- Adds spendings { tick, requests, tokens }, which may be negative. Reads and writes each node once, however many spendings are in it.
local function addAll(w, spendings)
  local blocks = {}
  for _, spending in ipairs(spendings) do
    local number = floor(spending[1] / TICKS)
    local block = blocks[number]
    if not block then
      block = { order = {}, nodes = {}, spendings = {} }
      blocks[number] = block
    end
    table.insert(block.spendings, spending)
    local t = spending[1] % TICKS
    for level = 1, 4 do
      t = floor(t / 16)
      local index = LEVEL[level] + t
      if block.nodes[index] == nil then
        block.nodes[index] = false
        table.insert(block.order, index)
      end
    end
  end
  for number, block in pairs(blocks) do
    local key = blockKey(w, number)
    local stored = redis.call('HMGET', key, unpack(block.order))
    local fresh = true
    for i, index in ipairs(block.order) do
      fresh = fresh and not stored[i]
      block.nodes[index] = stored[i] and cmsgpack.unpack(stored[i])
        or { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }
    end
    for _, spending in ipairs(block.spendings) do
      local t = spending[1] % TICKS
      for level = 1, 4 do
        local child = t % 16 + 1
        t = floor(t / 16)
        local node = block.nodes[LEVEL[level] + t]
        node[child] = node[child] + spending[2]
        node[16 + child] = node[16 + child] + spending[3]
      end
    end
    local command = { 'HSET', key }
    for i, index in ipairs(block.order) do
      command[2 * i + 1] = index
      command[2 * i + 2] = cmsgpack.pack(block.nodes[index])
    end
    redis.call(unpack(command))
    if fresh then
      redis.call('PEXPIRE', key, 2 * TICKS * w.tick + 60000)
    end
  end
end

-- Returns the oldest tick that still counts. A unit that was spent at tick T can be spent again at (T + 1) * tick + length.
local function oldestTick(w, now)
  return floor((now - w.length) / w.tick)
end

local function backAt(w, tick)
  return (tick + 1) * w.tick + w.length
end

-- Reads what the window holds now: `used`, and what `freeAt` needs of it.
local function look(w, now)
  w.oldest, w.newest = oldestTick(w, now), floor(now / w.tick)
  local block, first = floor(w.newest / TICKS), floor(w.oldest / TICKS)
  local root = redis.call('HGET', blockKey(w, block), LEVEL[4])
  local requests, tokens = total(root and cmsgpack.unpack(root))
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

-- Returns when `units` of what the window holds (at least 1, at most all) are free again, ms. k: 1 requests, 2 tokens.
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

-- Reservations that are not settled yet are kept by id, so that a command that is sent again grants or settles nothing twice.

local function unsettledKey(ms)
  return prefix .. tree .. ':open:' .. string.format('%.0f', floor(ms / UNSETTLED_BLOCK_MS))
end

-- Adds spendings to both windows, where they still count. spendings: { { ms, requests, tokens }, ... }
local function spendAll(now, spendings)
  for _, w in ipairs(WINDOWS) do
    local oldest, counted = oldestTick(w, now), {}
    for _, spending in ipairs(spendings) do
      local tick = floor(spending[1] / w.tick)
      if tick >= oldest then
        counted[#counted + 1] = { tick, spending[2], spending[3] }
      end
    end
    if #counted > 0 then
      addAll(w, counted)
    end
  end
end
