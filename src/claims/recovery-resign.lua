-- Gives the leader's lease back, so that another need not wait it out.
--
-- KEYS[1]  the leader's lease
-- ARGV[1]  the leader's token

if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end
return 'done'
