-- Creates the budget, or puts one that was lost into use again. A budget that is in use stays as it is.
--
-- ARGV 9  generation, 10 how:
--         'new': creates the budget if there is none and the sentinel says that Redis has lost nothing;
--         'rebuild': tells up to when the lost budget's data is complete, and creates a missing budget as lost;
--         'rebuilt': puts the budget into use, because what it lacked has been added
-- Returns { 'ok', generation, seq }: the budget is in use; { 'rebuild', generation, seq, ms up to which its data is complete };
--         or { 'lost' }: the budget cannot be used yet

local state, how = load(true), ARGV[10]
if state and state.lost == 0 then
  return { 'ok', state.gen, state.seq }
elseif how == 'rebuild' then
  state = lose(state)
  return { 'rebuild', state.gen, state.seq, state.cut }
elseif how == 'rebuilt' and state then
  clock(state)
  state.gen, state.lost, state.seq = ARGV[9], 0, state.seq + 1
-- The sentinel is the state of guard.lua, which calls trusted data `open`.
elseif how == 'new' and not state and redis.call('HGET', KEYS[2], 'status') == 'open' then
  state = create(ARGV[9])
else
  return { 'lost' }
end
save(state)
redis.call('PUBLISH', prefix .. 'wake', 'opened')
return { 'ok', state.gen, state.seq }
