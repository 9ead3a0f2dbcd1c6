-- Plans when each waiting worker is admitted.

local NEVER = 2 ^ 52

-- Returns when the i-th in line fits into axis k of the window w, if those before it are admitted as planned; ms.
-- weights: running sums of what the line needs; limit: the most that the axis may hold.
local function fitsAt(w, k, limit, weights, planned, i, now)
  local need = weights[i]
  if need - (weights[i - 1] or 0) > limit then
    return NEVER
  end
  if need <= limit then
    local missing = w.used[k] + need - limit
    return missing > 0 and freeAt(w, k, missing) or now
  end
  -- Even an empty window cannot hold all of the line up to i, so i waits until what entries before it spend is free again.
  local j = 1
  while need - weights[j] > limit do
    j = j + 1
  end
  return backAt(w, floor(planned[j] / w.tick))
end

-- Like fitsAt, but also counts what the provider reports beyond this budget's own spendings, until that report expires.
local function axisAt(w, k, over, weights, planned, i, now)
  local limit = w.limit[k]
  local at = fitsAt(w, k, limit, weights, planned, i, now)
  if over and over[2] > now then
    return min(max(at, over[2]), fitsAt(w, k, limit - over[1], weights, planned, i, now))
  end
  return at
end

-- Tells when each entry of `line` is admitted, in the line's order, if nothing changes. Both windows must have been read by `look`.
-- Returns the times, ms.
local function plan(state, line, now)
  local planned, tat = {}, state.tat
  local at = max(now, state.hold, LIMITED and state.closed or 0)
  local weights = { {}, {} }
  -- A worker with higher limits may wait for more tokens than ever fit here; count at most what fits.
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

-- Removes from the line the entries whose lease has expired, and the entry with this id. Returns the line, and that entry or nil.
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
