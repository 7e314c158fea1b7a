-- Count the other owners that are alive. Argument: owner.
local own = redis.call('ZSCORE', owners, ARGV[2])
local time = now()
local count = redis.call('ZCOUNT', owners, time, '+inf')
if own and tonumber(own) >= time then count = count - 1 end
return count
