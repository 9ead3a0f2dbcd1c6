-- Gives leases back without an outcome, and takes their starts back: the worker lives, so the message did not kill it.
--
-- KEYS     state, then a claim per lease
-- ARGV[4]  owner   [5] token   [6] 1 when it was begun alone; and so on for each lease
-- Returns  done

for i = 2, #KEYS do
  local a = 4 + (i - 2) * 3
  local owner, token, alone = ARGV[a], ARGV[a + 1], ARGV[a + 2]
  local f = redis.call('HMGET', KEYS[i], 'owner', 'lease', 'starts', 'alone')
  if f[1] == owner and f[2] == token then
    redis.call('HDEL', KEYS[i], 'lease', 'until')
    redis.call('HSET', KEYS[i], 'ended', token, 'starts', math.max(0, f[3] - 1), 'alone', math.max(0, f[4] - alone))
    redis.call('HINCRBY', KEYS[i], 'v', 1)
  end
end
return reply('done')
