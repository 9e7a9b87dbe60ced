-- Removes an entry of a fleet's store if it is what is expected.
-- KEYS[1] the store; ARGV: key, version. Returns 1 or 0.
local held = redis.call('HGET', KEYS[1], ARGV[1])
if held and string.match(held, '^%S+') == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
