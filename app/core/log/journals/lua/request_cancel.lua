-- Request a cancel. Arguments: id, lifetime. The owner takes the id from the set `asked:<owner>`.
local found = redis.call('HMGET', run_key(ARGV[2]), 'owner', 'ended')
if found[1] and not found[2] then
  redis.call('SADD', asked_key(found[1]), ARGV[2])
  redis.call('PEXPIRE', asked_key(found[1]), ARGV[3])
end
