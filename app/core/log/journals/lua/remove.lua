-- Remove runs that have ended or are paused. Arguments: their ids.
for n = 2, #ARGV do
  remove(ARGV[n])
end
