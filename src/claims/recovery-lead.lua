-- Makes the caller the one that rebuilds, unless another is at it or it is done already.
--
-- KEYS     state, the leader's lease
-- ARGV[4]  the caller's token   [5] the new epoch   [6] the lease's length, ms
-- Returns  no | leads, from (ms of the last thing that this copy knows, 0 when it knows nothing), now (ms)

if verdict == 'open' or verdict == 'epoch' then return reply('no') end
if not redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[6]) then return reply('no') end
-- A leader that died leaves what it was told in `from`.
local from = redis.call('HGET', KEYS[1], 'from') or '0'
redis.call('HSET', KEYS[1], 'epoch', ARGV[5], 'status', 'recovering', 'server', ARGV[3], 'from', from, 'at', now)
redis.call('HSETNX', KEYS[1], 'seq', 0)
return reply('leads', tonumber(from), now)
