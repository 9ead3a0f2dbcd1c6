-- The budget's state. Each of the budget's scripts, but share.lua, is run with state.lua, trees.lua and line.lua before it.
--
-- KEYS[1]  <prefix>state     hash: generation, clock, holds, the fleet's line (see `load`)
-- KEYS[2]  the sentinel of the whole Redis (redis/keys.ts: state)
-- derived  <prefix><tree>:<window>:<block>   hash: what was spent, a tree of sums over ticks; expires by itself
--          <prefix><tree>:open:<block>       hash: reservation id -> "tokens:ms", those not settled yet; expires too
-- ARGV 1-4 limits: requests and tokens a minute, requests and tokens a day ('' is none)
-- ARGV 5-6 how long a unit stays spent in the minute's and the day's window, ms (the window and the margin)
-- ARGV 7-8 even spacing: ms from one request to the next (0 is none), and how many ms a burst may run ahead of it

local floor, ceil, max, min = math.floor, math.ceil, math.max, math.min

local TICKS = 65536

local prefix = string.sub(KEYS[1], 1, -6)
local tree

local function window(name, length, requests, tokens)
  return { name = name, length = length, tick = ceil(length / (TICKS - 2)), limit = { requests, tokens } }
end

local WINDOWS = {
  window('m', tonumber(ARGV[5]), tonumber(ARGV[1]), tonumber(ARGV[2])),
  window('d', tonumber(ARGV[6]), tonumber(ARGV[3]), tonumber(ARGV[4])),
}
-- Without limits nothing can be overspent, so nobody waits while the budget is closed after lost data.
local LIMITED = (ARGV[1] .. ARGV[2] .. ARGV[3] .. ARGV[4]) ~= ''
local SPACING, AHEAD = tonumber(ARGV[7]), tonumber(ARGV[8])

local FIELDS = { 'gen', 'tree', 'seq', 'last', 'offset', 'hold', 'closed', 'lost', 'cut', 'tat', 'place', 'freed', 'line',
  'over' }
local NUMBERS = { 3, 12 }

-- Returns Redis's time in ms, which never goes back: when Redis's clock steps back, the step is added to `offset`.
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

-- gen: the generation, another one after each recovery; tree: which trees hold what was spent; seq: grants and recoveries so far;
-- last, offset: see `clock`; hold, closed: nothing is granted before this time (the provider asked for it; data was lost);
-- lost: 1 while the budget must be rebuilt; cut: up to when the trees are complete then, ms (0: they hold nothing);
-- tat: when the next request is due at an even pace (GCRA); place: last place given in the line; freed: how often waits became shorter.
-- line: { { id, tokens, place, lease, askAgainAt, freed when told } }, by place: the next request of each waiting worker.
-- over: per window and axis, { units, until, seq } that the provider counts beyond this budget's own spendings, or false.
-- Returns nil when there is no state (it was lost, or never created), and when it is marked as lost, unless `lostToo`.
local function load(lostToo)
  local raw = redis.call('HMGET', KEYS[1], unpack(FIELDS))
  if not raw[1] or (raw[8] == '1' and not lostToo) then
    return nil
  end
  local state = { gen = raw[1], tree = raw[2], stored = raw }
  for i = NUMBERS[1], NUMBERS[2] do
    state[FIELDS[i]] = tonumber(raw[i])
  end
  state.line = raw[13] ~= '' and cmsgpack.unpack(raw[13]) or {}
  state.over = raw[14] ~= '' and cmsgpack.unpack(raw[14]) or { { false, false }, { false, false } }
  tree = state.tree
  return state
end

-- Returns a new state with new, empty trees; sets the clock.
local function create(gen)
  local state = { gen = gen, seq = 0, last = 0, offset = 0, hold = 0, closed = 0, lost = 0, cut = 0, tat = 0, place = 0,
    freed = 0, line = {}, over = { { false, false }, { false, false } } }
  state.tree = string.format('%.0f', clock(state))
  tree = state.tree
  return state
end

-- Writes the fields that have changed since `load` read them.
local function save(state)
  local over = ''
  for w = 1, 2 do
    for k = 1, 2 do
      if state.over[w][k] then
        over = cmsgpack.pack(state.over)
      end
    end
  end
  local packed = { line = #state.line > 0 and cmsgpack.pack(state.line) or '', over = over }
  local command = { 'HSET', KEYS[1] }
  for i, field in ipairs(FIELDS) do
    local value = packed[field] or state[field]
    if type(value) == 'number' then
      value = string.format('%.17g', value)
    end
    if not state.stored or state.stored[i] ~= value then
      command[#command + 1] = field
      command[#command + 1] = value
    end
  end
  if #command > 2 then
    redis.call(unpack(command))
  end
end

-- Shuts the budget until it is rebuilt. Also closes it for a minute, because nobody knows what was spent in the last minute. An
-- outdated copy (`state`) keeps its spendings and loses its line. Saves the state.
local function lose(state)
  state = state or create('lost')
  if state.lost == 0 then
    state.lost, state.cut, state.line = 1, state.seq > 0 and state.last or 0, {}
    state.closed = max(state.closed, clock(state) + WINDOWS[1].length)
  end
  save(state)
  return state
end

-- Wakes a waiting worker whose turn has come nearer than it was told.
local function wake(entry)
  redis.call('PUBLISH', prefix .. 'wake', entry[1])
end
