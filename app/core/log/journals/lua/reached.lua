-- How far logs go. Arguments: ids. Returns for each the last number and when it ended.
local answer = {}
for n = 2, #ARGV do answer[n - 1] = redis.call('HMGET', run_key(ARGV[n]), 'last', 'ended') end
return answer
