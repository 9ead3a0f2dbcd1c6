-- After the commit: marks what was published, closes what was refused or dead-lettered, so that a worker that was taken for dead
-- cannot go on with it. Done in every state of the fleet. An answer that was paid for and could not be published stays for the
-- message that is sent again.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the mark's life, ms   [5] the claim's life, ms
-- ARGV[6]  known: by this worker's own commit   learned: the offset is committed, but maybe by another's
-- ARGV[7]  owner   [8] what was published, as `intent` in reassert.lua   [9] why it got its score, '' for nothing to keep;
--          and so on for each item
-- Returns  done

local MARK_TTL, TTL, KNOWN = ARGV[4], ARGV[5], ARGV[6] == 'known'

-- Closes a claim, sets what follows, and removes its lease and the fields `dropped`.
local function close(key, claim, dropped, ...)
  redis.call('HSET', key, 'v', (claim.v or 0) + 1, ...)
  redis.call('HDEL', key, 'lease', 'until', unpack(dropped))
  redis.call('PEXPIRE', key, TTL)
end

for i = 1, (#KEYS - 1) / 2 do
  local MARK, CLAIM = KEYS[2 * i], KEYS[2 * i + 1]
  local OWNER, INTENT, REASONS = ARGV[3 * i + 4], ARGV[3 * i + 5], ARGV[3 * i + 6]
  local claim = fields(CLAIM, 'owner', 'state', 'intent', 'told', 'v')
  local mine = claim.owner == OWNER
  -- Who confirmed last has most likely committed. A closed claim (dead, told) is what another worker knows that it published.
  local likely = mine and claim.intent == INTENT and claim.state ~= 'dead' and not claim.told
  if INTENT == 'outcome' and (KNOWN or likely) then
    redis.call('SET', MARK, '_', 'PX', MARK_TTL)
    if mine then
      local reasons = REASONS == '' and {} or {'reasons', REASONS}
      close(CLAIM, claim, {'outcome', 'refused_at'}, 'state', 'answered', 'intent', INTENT, unpack(reasons))
    end
  elseif mine and KNOWN and INTENT == 'letter' then
    close(CLAIM, claim, {'refused_at'}, 'state', 'dead')
  elseif mine and KNOWN and INTENT ~= 'outcome' then
    close(CLAIM, claim, {}, 'state', 'refused', 'told', 1, 'intent', INTENT)
  end
end
return reply('done')
