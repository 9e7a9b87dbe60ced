-- A backend says that it is there, for the time of its lease.
-- KEYS: when leases end (by this server's clock), what was said; ARGV: id, JSON, lease in ms.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZADD', KEYS[1], now + ARGV[3], ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
-- A pool that everybody has left leaves nothing behind, even when nobody looks at it any more.
for _, key in ipairs(KEYS) do
  redis.call('PEXPIRE', key, ARGV[3] * 10)
end
return 1
