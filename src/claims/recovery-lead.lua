-- Makes the caller the leader that rebuilds the data, unless another leader is at work or the data is rebuilt already.
--
-- KEYS     state, the leader's lease
-- ARGV[4]  the caller's token   [5] the new epoch   [6] the lease's length, ms
-- Returns  no | leads, from (up to when this copy's data is complete, ms; 0 when it has none), now (ms)

if verdict == 'trusted' or verdict == 'epoch' then return reply('no') end
local STATE, LEADER, SERVER, TOKEN, EPOCH, LEASE = KEYS[1], KEYS[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]
if not redis.call('SET', LEADER, TOKEN, 'NX', 'PX', LEASE) then return reply('no') end
-- Continue from the starting point of an earlier leader that died.
local from = redis.call('HGET', STATE, 'from') or '0'
redis.call('HSET', STATE, 'epoch', EPOCH, 'status', 'recovering', 'server', SERVER, 'from', from, 'at', now)
redis.call('HSETNX', STATE, 'seq', 0)
return reply('leads', tonumber(from), now)
