-- Store the record of a run. Arguments: id, owner, record, key of its queue, lifetime, and for how
-- many milliseconds this counts as a heartbeat of the owner. Returns 1 if the run is new, else 0.
local id, owner, queue, lifetime = ARGV[2], ARGV[3], ARGV[5], ARGV[6]
if redis.call('EXISTS', run_key(id)) == 1 then return 0 end
redis.call('HSET', run_key(id), 'owner', owner, 'record', ARGV[4], 'queue', queue,
           'last', 0, 'base', 0, 'size', 0)
redis.call('PEXPIRE', run_key(id), lifetime)
redis.call('SADD', runs_key(owner), id)
redis.call('PEXPIRE', runs_key(owner), lifetime)
redis.call('ZADD', owners, 'GT', now() + ARGV[7], owner)
redis.call('ZADD', live, now(), id)
redis.call('INCRBY', bytes, #ARGV[4])
redis.call('ZADD', queue, redis.call('INCR', prefix .. 'count'), id)
redis.call('PEXPIRE', queue, lifetime)
return 1
