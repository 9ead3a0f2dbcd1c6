-- Opens the budget with a generation: nothing of another one counts any more.
--
-- KEYS[2] the sentinel of the whole Redis (dedupe's `state`)
-- ARGV 9  generation, 10 closed for so many ms, 11 'rebuilt' replaces a state; 'new' keeps one, and opens nothing while the
--         sentinel does not say that all data is there
-- Returns { 'ok', generation of the state, seq }, or { 'lost' }: not opened

local state = load()
if ARGV[11] == 'new' then
  if state then
    return { 'ok', state.gen, state.seq }
  elseif redis.call('HGET', KEYS[2], 'status') ~= 'open' then
    return { 'lost' }
  end
end
-- What the provider said holds on.
state = state or { offset = 0, last = 0, hold = 0, tat = 0, place = 0, freed = 0 }
local now = clock(state)
state.gen, state.seq, state.closed = ARGV[9], 0, now + tonumber(ARGV[10])
state.line, state.over = {}, { { false, false }, { false, false } }
save(state)
redis.call('PUBLISH', prefix .. 'wake', 'opened')
return { 'ok', state.gen, state.seq }
