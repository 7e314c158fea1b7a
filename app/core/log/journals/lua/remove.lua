-- Remove ended runs. Arguments: their ids.
for n = 2, #ARGV do
  local id = ARGV[n]
  redis.call('DECRBY', bytes, redis.call('HGET', sizes, id) or 0)
  redis.call('HDEL', sizes, id)
  redis.call('ZREM', ended, id)
  redis.call('UNLINK', run_key(id), log_key(id))
end
