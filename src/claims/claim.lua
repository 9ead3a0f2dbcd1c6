-- Claims an id for one input message, or says who has it.
--
-- KEYS     state, mark, claim
-- ARGV[4]  owner: the caller's message   [5] hash of its payload   [6] the claim's life, ms   [7] the lease's length, ms
-- ARGV[8]  what to do with another's claim: empty (tell), take (take it over), mark (it was published: set the mark)
-- ARGV[9]  the owner and [10] the version that the caller decided on: take and mark fail when the claim changed since
-- ARGV[11] the mark's life, ms
-- Returns  closed | marked, conflict | mine, starts, starts alone, outcome or '' | leased, ms left
--          | other, owner, state, version, refused at, conflict, intent or ''

if verdict ~= 'open' then return reply('closed') end
local MARK, CLAIM, OWNER, HASH, TTL, LEASE, MODE = KEYS[2], KEYS[3], ARGV[4], ARGV[5], ARGV[6], tonumber(ARGV[7]), ARGV[8]
local f = redis.call('HMGET', CLAIM, 'owner', 'hash', 'state', 'v', 'starts', 'alone', 'until', 'refused_at', 'outcome', 'told', 'intent')
local owner, hash, state, version = f[1], f[2], f[3], f[4]
local conflict = (hash and hash ~= HASH) and 1 or 0

if redis.call('EXISTS', MARK) == 1 then return reply('marked', conflict) end

if not owner then
  redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'state', 'open', 'v', 1, 'starts', 0, 'alone', 0)
  redis.call('PEXPIRE', CLAIM, TTL)
  return reply('mine', 0, 0, '')
end

if owner == OWNER then
  -- The caller is a worker that was taken for dead.
  if f[10] or state == 'dead' then return reply('marked', 0) end
  local left = tonumber(f[7] or '0') - now
  -- Redis's clock was set back, or another server has taken over.
  if left > LEASE then
    redis.call('HSET', CLAIM, 'until', now + LEASE)
    left = LEASE
  end
  if state == 'open' and left > 0 then return reply('leased', left) end
  if state == 'refused' then
    -- That was never committed, or it would not be here again. Should its run be a dead one's, `intent` still tells.
    redis.call('HSET', CLAIM, 'state', 'open')
    redis.call('HDEL', CLAIM, 'refused_at')
    redis.call('HINCRBY', CLAIM, 'v', 1)
  end
  redis.call('PEXPIRE', CLAIM, TTL)
  return reply('mine', tonumber(f[5]), tonumber(f[6]), f[9] or '')
end

-- A dead-lettered message's claim is anybody's.
local free = state == 'dead'
if not free and (MODE == '' or owner ~= ARGV[9] or version ~= ARGV[10]) then
  return reply('other', owner, state, version, f[8] or '', conflict, f[11] or '')
end

-- Whatever is thought of the owner: a call for it is in flight, and being paid for.
local left = tonumber(f[7] or '0') - now
if MODE == 'take' and state == 'open' and left > 0 then return reply('leased', math.min(left, LEASE)) end

if MODE == 'mark' and not free then
  redis.call('SET', MARK, '_', 'PX', ARGV[11])
  return reply('marked', conflict)
end

-- An answer to other texts is not this message's.
local kept = (state == 'answered' or free) and conflict == 0 and f[9] or ''
redis.call('DEL', CLAIM)
redis.call('HSET', CLAIM, 'owner', OWNER, 'hash', HASH, 'state', kept == '' and 'open' or 'answered',
  'v', version + 1, 'starts', 0, 'alone', 0)
if kept ~= '' then redis.call('HSET', CLAIM, 'outcome', kept) end
redis.call('PEXPIRE', CLAIM, TTL)
return reply('mine', 0, 0, kept)
