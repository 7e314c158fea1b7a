-- Send a heartbeat. Arguments: owner, its validity, lifetime. Keys that all runs share expire when no
-- process has sent one for `lifetime`.
redis.call('ZADD', owners, now() + tonumber(ARGV[3]), ARGV[2])
for _, key in ipairs({owners, live, ended, sizes, paused, bytes, prefix .. 'count', runs_key(ARGV[2])}) do
  redis.call('PEXPIRE', key, ARGV[4])
end
