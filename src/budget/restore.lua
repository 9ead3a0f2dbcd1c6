-- Adds earlier spendings. A budget that is being rebuilt gets those that published outcomes account for; one that was rebuilt gets
-- those that a live worker still knows. A spending that is sent again adds nothing: its id stays among the reservations.
--
-- ARGV 9  '1': the budget is being rebuilt; '': it is in use
-- then four for each: id, ms when it was spent, requests, tokens
-- Returns { 'lost' } when nothing is added: there is no state, or it must be rebuilt and ARGV 9 is ''; else { 'ok' }

local state = load(ARGV[9] == '1')
if not state then
  return { 'lost' }
end
local now = clock(state)
local spendings = {}
for i = 10, #ARGV, 4 do
  -- A worker's clock may be ahead of Redis's.
  local ms, requests, tokens = min(now, tonumber(ARGV[i + 1])), tonumber(ARGV[i + 2]), tonumber(ARGV[i + 3])
  local key = unsettledKey(ms)
  if redis.call('HSETNX', key, ARGV[i], string.format('%.0f:%.0f', tokens, ms)) == 1 then
    redis.call('PEXPIRE', key, 2 * UNSETTLED_BLOCK_MS)
    spendings[#spendings + 1] = { ms, requests, tokens }
  end
end
spendAll(now, spendings)
return { 'ok' }
