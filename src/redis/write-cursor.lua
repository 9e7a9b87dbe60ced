-- Writes a session's place in a log if it is what is expected.
-- KEYS[1] the place; ARGV: what it says, the version that is replaced ('' for none), the new version,
-- for how many ms it is kept. Returns 1 or 0.
local held = redis.call('GET', KEYS[1])
local version = ''
if held then
  version = string.match(held, '^%S+')
end
if version ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], ARGV[3] .. ' ' .. ARGV[1], 'PX', ARGV[4])
return 1
