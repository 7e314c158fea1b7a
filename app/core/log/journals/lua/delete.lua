-- Remove a run that has ended. Argument: its id.
if redis.call('ZSCORE', ended, ARGV[2]) then remove(ARGV[2]) end
