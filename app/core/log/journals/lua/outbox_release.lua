-- Give up the claims of an owner on sessions of the outbox. Argument: owner.
local claims = redis.call('HGETALL', prefix .. 'outbox:claims')
for n = 1, #claims, 2 do
  if string.sub(claims[n + 1], 1, #ARGV[2]) == ARGV[2] then
    redis.call('HDEL', prefix .. 'outbox:claims', claims[n])
  end
end
