-- Tells the state's epoch and whether a leader is rebuilding the data.
--
-- KEYS     state, the leader's lease
-- Returns  epoch or '', 1 when a leader is at work

return reply(redis.call('HGET', KEYS[1], 'epoch') or '', redis.call('EXISTS', KEYS[2]))
