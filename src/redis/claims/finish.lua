-- Around the commit: marks what was published, frees what was dead-lettered, closes what was refused: a worker that was taken
-- for dead cannot open it any more. Done in every state of the fleet. An answer that was paid for and could not be published
-- stays for the message that is sent again; that is written before the commit (dying), or a worker that dies after it would
-- leave an answer that looks published.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the mark's life, ms   [5] the claim's life, ms   [6] owner   [7] published | refused | dying | dead; and so on for each item
-- Returns  done

for i = 2, #KEYS, 2 do
  local mark, claim, a = KEYS[i], KEYS[i + 1], 6 + (i - 2)
  local mine = redis.call('HGET', claim, 'owner') == ARGV[a]
  if ARGV[a + 1] == 'published' then
    redis.call('SET', mark, '_', 'PX', ARGV[4])
    if mine then
      redis.call('HSET', claim, 'state', 'answered')
      redis.call('HDEL', claim, 'outcome', 'lease', 'until', 'refused_at')
      redis.call('HINCRBY', claim, 'v', 1)
      redis.call('PEXPIRE', claim, ARGV[5])
    end
  elseif mine and ARGV[a + 1] == 'refused' then
    redis.call('HSET', claim, 'state', 'refused', 'told', 1)
    redis.call('HDEL', claim, 'outcome', 'lease', 'until')
    redis.call('HINCRBY', claim, 'v', 1)
  elseif mine and redis.call('HEXISTS', claim, 'outcome') == 1 then
    redis.call('HSET', claim, 'state', 'dead')
    redis.call('HINCRBY', claim, 'v', 1)
    redis.call('PEXPIRE', claim, ARGV[5])
  elseif mine and ARGV[a + 1] == 'dead' then
    redis.call('DEL', claim)
  end
end
return reply('done')
