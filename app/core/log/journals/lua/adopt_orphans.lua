-- Take over the runs of dead owners. Arguments: owner, lifetime. Returns the records of these runs.
local me, found = ARGV[2], {}
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, '-inf', '(' .. now())) do
  if owner ~= me then
    for _, id in ipairs(redis.call('SMEMBERS', runs_key(owner))) do
      local record = redis.call('HGET', run_key(id), 'record')
      if record then
        redis.call('HSET', run_key(id), 'owner', me)
        redis.call('SADD', runs_key(me), id)
        found[#found + 1] = record
      else
        redis.call('ZREM', live, id)
      end
    end
    redis.call('DEL', runs_key(owner))
    redis.call('ZREM', owners, owner)
  end
end
if #found > 0 then redis.call('PEXPIRE', runs_key(me), ARGV[3]) end
return found
