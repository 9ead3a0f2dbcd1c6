-- One step of a leader: restores marks, renews the lease, and in the last step declares the data trusted.
--
-- KEYS     state, the leader's lease, then a mark each
-- ARGV[4]  the leader's token   [5] its epoch   [6] the lease's length, ms   [7] 1 at the end
-- ARGV[8]  the first mark's remaining life, ms; and so on
-- Returns  deposed (another leads, or the data was lost again) | done, 1 when writes of a live worker are missing

local STATE, LEADER, SERVER, TOKEN, EPOCH, LEASE, AT_END = KEYS[1], KEYS[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7] == '1'
local state = fields(STATE, 'epoch', 'status', 'server', 'seq', 'seen')
local same_server = state.server == SERVER or state.server == '' or SERVER == ''
local leads = redis.call('GET', LEADER) == TOKEN and state.epoch == EPOCH and state.status == 'recovering'
if not leads or not same_server then return reply('deposed') end

for i = 3, #KEYS do
  redis.call('SET', KEYS[i], '_', 'NX', 'PX', ARGV[i + 5])
end
if AT_END then
  redis.call('HSET', STATE, 'status', 'open', 'at', now)
  redis.call('HDEL', STATE, 'from', 'was', 'seen')
  redis.call('DEL', LEADER)
else
  redis.call('PEXPIRE', LEADER, LEASE)
end
return reply('done', tonumber(state.seen or '0') > tonumber(state.seq) and 1 or 0)
