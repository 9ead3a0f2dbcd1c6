-- Finishes claims after the commit: marks ids whose success or final failure was published, and closes the claims of refused and
-- dead-lettered messages, so that a worker that was taken for dead cannot go on with them. Runs in every state of the fleet. A paid
-- answer that could not be published stays: it is published when the message is sent again.
--
-- It sets the field `told`: the refusal was committed, so the caller knows it; only a message sent after the refusal may take the id
-- over.
--
-- KEYS     state, then mark and claim per item
-- ARGV[4]  the mark's life, ms   [5] the claim's life, ms
-- ARGV[6]  known: this worker has committed   learned: the offset is committed, maybe by another worker;
--          then a refusal or a dead letter changes nothing, and an outcome is marked only where it is `likely`
-- ARGV[7]  owner   [8] what was published, as `intent` in reassert.lua   [9] why it got its score, '' to keep nothing;
--          and so on for each item
-- Returns  done

local MARK_TTL, TTL, KNOWN = ARGV[4], ARGV[5], ARGV[6] == 'known'

-- Closes a claim, which then lives for `life` ms: sets the given fields, and removes its lease and the fields `dropped`.
local function close(key, claim, life, dropped, ...)
  redis.call('HSET', key, 'v', (claim.v or 0) + 1, ...)
  redis.call('HDEL', key, 'lease', 'until', unpack(dropped))
  redis.call('PEXPIRE', key, life)
end

for i = 1, (#KEYS - 1) / 2 do
  local MARK, CLAIM = KEYS[2 * i], KEYS[2 * i + 1]
  local OWNER, INTENT, REASONS = ARGV[3 * i + 4], ARGV[3 * i + 5], ARGV[3 * i + 6]
  local claim = fields(CLAIM, 'owner', 'state', 'intent', 'told', 'v')
  local mine = claim.owner == OWNER
  -- When `learned`, only the offset is known to be committed. The intent that was confirmed last most likely tells what was published.
  -- A claim that is dead or told was closed by another worker, whose result stands.
  local likely = mine and claim.intent == INTENT and claim.state ~= 'dead' and not claim.told
  if INTENT == 'outcome' and (KNOWN or likely) then
    redis.call('SET', MARK, '_', 'PX', MARK_TTL)
    if mine then
      local reasons = REASONS == '' and {} or {'reasons', REASONS}
      -- Not longer than the mark: with it the id is forgotten.
      close(CLAIM, claim, MARK_TTL, {'outcome', 'refused_at'}, 'state', 'answered', 'intent', INTENT, unpack(reasons))
    end
  elseif mine and KNOWN and INTENT == 'letter' then
    close(CLAIM, claim, TTL, {'refused_at'}, 'state', 'dead')
  elseif mine and KNOWN and INTENT ~= 'outcome' then
    close(CLAIM, claim, TTL, {}, 'state', 'refused', 'told', 1, 'intent', INTENT)
  end
end
return reply('done')
