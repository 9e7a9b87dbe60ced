-- A backend says that it is not there any more.
-- KEYS: when leases end, what was said; ARGV: id.
redis.call('HDEL', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
