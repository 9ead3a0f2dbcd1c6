-- A leader's step: sets marks again, keeps the lease, and opens at the end.
--
-- KEYS     state, the leader's lease, then a mark each
-- ARGV[4]  the leader's token   [5] its epoch   [6] the lease's length, ms   [7] 1 to open
-- ARGV[8]  the first mark's remaining life, ms; and so on
-- Returns  deposed (another leads, or the data was lost again) | done, 1 when writes that a living worker made are missing

local s = redis.call('HMGET', KEYS[1], 'epoch', 'status', 'server', 'seq', 'seen')
local same_server = s[3] == ARGV[3] or s[3] == '' or ARGV[3] == ''
if redis.call('GET', KEYS[2]) ~= ARGV[4] or s[1] ~= ARGV[5] or s[2] ~= 'recovering' or not same_server then
  return reply('deposed')
end
for i = 3, #KEYS do
  redis.call('SET', KEYS[i], '_', 'NX', 'PX', ARGV[i + 5])
end
if ARGV[7] == '1' then
  redis.call('HSET', KEYS[1], 'status', 'open', 'at', now)
  redis.call('HDEL', KEYS[1], 'from', 'was', 'seen')
  redis.call('DEL', KEYS[2])
else
  redis.call('PEXPIRE', KEYS[2], ARGV[6])
end
return reply('done', tonumber(s[5] or '0') > tonumber(s[4]) and 1 or 0)
