-- After the commit: marks what was published, closes what was refused or dead-lettered: a worker that was taken for dead cannot
-- open it any more. Done in every state of the fleet. An answer that was paid for and could not be published stays for the
-- message that is sent again.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the mark's life, ms   [5] the claim's life, ms
-- ARGV[6]  known: by this worker's own commit   learned: the offset is committed, but maybe by another's
-- ARGV[7]  owner   [8] what was published, as `intent` in reassert.lua; and so on for each item
-- Returns  done

local function close(claim, ...)
  redis.call('HSET', claim, ...)
  redis.call('HDEL', claim, 'lease', 'until')
  redis.call('HINCRBY', claim, 'v', 1)
  redis.call('PEXPIRE', claim, ARGV[5])
end

local known = ARGV[6] == 'known'
for i = 2, #KEYS, 2 do
  local mark, claim, owner, intent = KEYS[i], KEYS[i + 1], ARGV[i + 5], ARGV[i + 6]
  local f = redis.call('HMGET', claim, 'owner', 'state', 'intent', 'told')
  local mine = f[1] == owner
  -- Who confirmed last has most likely committed. Closed is what another worker knows that it has published.
  local likely = mine and f[3] == intent and f[2] ~= 'dead' and not f[4]
  if intent == 'outcome' and (known or likely) then
    redis.call('SET', mark, '_', 'PX', ARGV[4])
    if mine then
      close(claim, 'state', 'answered', 'intent', intent)
      redis.call('HDEL', claim, 'outcome', 'refused_at')
    end
  elseif mine and known and intent == 'letter' then
    close(claim, 'state', 'dead')
    redis.call('HDEL', claim, 'refused_at')
  elseif mine and known and intent ~= 'outcome' then
    close(claim, 'state', 'refused', 'told', 1, 'intent', intent)
    redis.call('HDEL', claim, 'outcome')
  end
end
return reply('done')
