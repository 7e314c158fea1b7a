-- End the validity of an owner's heartbeat, so that its runs may be adopted at once. Argument: owner.
redis.call('ZADD', owners, 'XX', 0, ARGV[2])
