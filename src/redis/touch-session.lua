-- A session is in use: its binding's TTL starts again, and one that Redis has lost is made again.
-- KEYS[1] the session; ARGV: the backend that it is used at, TTL in ms.
if redis.call('EXISTS', KEYS[1]) == 1 then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
