-- Ends the use of a session: its binding is kept for a grace time, if it is still the same.
-- KEYS[1] the session; ARGV: the backend that it was used at, the grace time in ms (0: none).
local held = redis.pcall('GETRANGE', KEYS[1], 0, 128)
if held ~= ARGV[1] then
  return 0
end
if ARGV[2] == '0' then
  return redis.call('DEL', KEYS[1])
end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
