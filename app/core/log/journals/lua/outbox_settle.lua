-- Remove turns from the outbox. Arguments: their keys.
for n = 2, #ARGV do
  redis.call('ZREM', prefix .. 'outbox', ARGV[n])
  redis.call('HDEL', prefix .. 'outbox:sessions', ARGV[n])
  redis.call('HDEL', prefix .. 'outbox:turns', ARGV[n])
end
if redis.call('ZCARD', prefix .. 'outbox') == 0 then redis.call('DEL', prefix .. 'outbox:claims') end
