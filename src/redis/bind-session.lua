-- Binds a session in one step, unless another edge was faster.
-- KEYS[1] the session; ARGV: the backend, the binding that it may replace ("" for none), TTL in ms.
-- Returns the id of the backend that holds the session now.
local held = redis.pcall('GETRANGE', KEYS[1], 0, 128)
-- A key of another type, or a value that is no backend's id, binds nothing: it is overwritten.
if type(held) ~= 'string' or #held > 128 or not string.match(held, '^%w[%w._:-]*$') then
  held = ''
end
if held == '' or held == ARGV[2] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return ARGV[1]
end
redis.call('PEXPIRE', KEYS[1], ARGV[3])
return held
