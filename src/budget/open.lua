-- Opens the budget.
--
-- ARGV 9  generation, 10 how: 'new': if there is none, and the sentinel says that all data is there; 'first': if there is none,
--         and Redis never held any; 'rebuild': shut it until 'rebuilt': what it lacked has been added
-- Returns { 'ok', its generation, seq, ms of the last thing that it knows (of a 'rebuild') }, or { 'lost' }: not opened

local state, how = load(true), ARGV[10]
if how == 'rebuild' then
  state = lose(state)
  return { 'ok', state.gen, state.seq, state.cut }
elseif how == 'rebuilt' then
  if not state then
    return { 'lost' }
  end
  clock(state)
  state.gen, state.lost, state.seq = ARGV[9], 0, state.seq + 1
elseif state then
  return { state.lost == 1 and 'lost' or 'ok', state.gen, state.seq }
elseif how == 'new' and redis.call('HGET', KEYS[2], 'status') ~= 'open' then
  return { 'lost' }
else
  state = create(ARGV[9])
end
save(state)
redis.call('PUBLISH', prefix .. 'wake', 'opened')
return { 'ok', state.gen, state.seq }
