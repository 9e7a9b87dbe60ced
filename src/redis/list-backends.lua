-- The backends whose leases have not ended: id, JSON, id, JSON, … at most ARGV[1] of them.
-- KEYS: when leases end (by this server's clock), what was said.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now, 'LIMIT', 0, 1000)) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local found = {}
for _, id in ipairs(redis.call('ZRANGE', KEYS[1], 0, ARGV[1] - 1)) do
  local said = redis.call('HGET', KEYS[2], id)
  if said then
    found[#found + 1] = id
    found[#found + 1] = said
  end
end
return found
