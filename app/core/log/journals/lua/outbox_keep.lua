-- Keep a turn in the outbox. Arguments: key, session, time, turn.
redis.call('ZADD', prefix .. 'outbox', 'NX', ARGV[4], ARGV[2])
redis.call('HSET', prefix .. 'outbox:sessions', ARGV[2], ARGV[3])
redis.call('HSET', prefix .. 'outbox:turns', ARGV[2], ARGV[5])
