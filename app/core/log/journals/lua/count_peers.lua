-- Count the other owners that are alive and not leaving. Argument: owner.
local count = 0
for _, owner in ipairs(redis.call('ZRANGEBYSCORE', owners, now(), '+inf')) do
  if owner ~= ARGV[2] and redis.call('SISMEMBER', leaving, owner) == 0 then count = count + 1 end
end
return count
