-- Remove a run that has ended. Argument: its id.
local id = ARGV[2]
if redis.call('ZSCORE', ended, id) or redis.call('ZSCORE', paused, id) then remove(id) end
