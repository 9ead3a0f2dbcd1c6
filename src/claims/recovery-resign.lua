-- Gives the leader's lease back, so that the next leader need not wait until it expires.
--
-- KEYS[1]  the leader's lease
-- ARGV[1]  the leader's token

if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'done'
