-- Writes an entry of a fleet's store if it is what is expected.
-- KEYS[1] the store; ARGV: key, value, the version that is replaced ('' for none), a part of the new
-- version that no other writer uses: numbers begin anew when the store is lost.
-- Returns the new version, or nothing.
local held = redis.call('HGET', KEYS[1], ARGV[1])
local version = ''
if held then
  version = string.match(held, '^%S+')
end
if version ~= ARGV[3] then
  return false
end
local new = redis.call('HINCRBY', KEYS[1], '#', 1) .. '-' .. ARGV[4]
redis.call('HSET', KEYS[1], ARGV[1], new .. ' ' .. ARGV[2])
return new
