-- Send a heartbeat. Arguments: owner, its validity, lifetime, and 1 if the owner is leaving, else 0. Keys
-- that all runs share expire when no process has sent one for `lifetime`. Returns the time.
redis.call('ZADD', owners, now() + tonumber(ARGV[3]), ARGV[2])
if ARGV[5] == '1' then redis.call('SADD', leaving, ARGV[2]) end
for _, key in ipairs({owners, leaving, live, ended, sizes, paused, bytes, prefix .. 'count', runs_key(ARGV[2])}) do
  redis.call('PEXPIRE', key, ARGV[4])
end
return string.format('%d', now())
