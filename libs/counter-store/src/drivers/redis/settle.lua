-- Gives the slot back and replaces estimates by actual amounts, once.
-- KEYS: one hash per window, the sorted set of slots, the reservation
-- ARGV: holder, steps per period; per window: name, period ms, actual amount
-- Answer: 1 when there was something to end, else 0
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local steps = tonumber(ARGV[2])
local count = #KEYS - 2
local held = redis.call('ZREM', KEYS[count + 1], ARGV[1])
local fields = redis.call('HGETALL', KEYS[count + 2])
if #fields == 0 then return held end
redis.call('DEL', KEYS[count + 2])
local estimates = {}
for i = 1, #fields, 2 do estimates[fields[i]] = fields[i + 1] end
for index = 1, count do
  local at = 3 + (index - 1) * 3
  local key, estimate, periodMs, actual = KEYS[index], estimates[ARGV[at]], tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  if estimate then
    local takenAt, amount = string.match(estimate, '^(%d+):(%d+)$')
    local step = math.floor(now / (periodMs / steps))
    local more = actual - tonumber(amount)
    if more > 0 then
      redis.call('HINCRBY', key, string.format('%.0f', step), string.format('%.0f', more))
      redis.call('PEXPIRE', key, periodMs * 2)
    elseif more < 0 then
      local left = redis.call('HINCRBY', key, takenAt, string.format('%.0f', more))
      if left <= 0 then redis.call('HDEL', key, takenAt) end -- also when it had passed and was gone already
      redis.call('PEXPIRE', key, periodMs * 2)
    end
  end
end
return 1
