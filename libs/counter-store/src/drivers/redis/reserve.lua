-- Takes from every window and from the slots, or from none.
-- KEYS: one hash per window (amount by step of time), the sorted set of slots (holder by end), the reservation
-- ARGV: holder, slots (0: not limited), lease ms, settle ms, steps per period; per window: limit, period ms, amount,
--       estimated (1 or 0), name
-- Answer: granted, who refuses (number of the window, the number after them for the slots, 0), ms to wait (-1: unknown),
--         then per window: used, ms until empty
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local holder, slots, leaseMs, settleMs = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local steps = tonumber(ARGV[5])
local count = #KEYS - 2
local leasesKey, reservationKey = KEYS[count + 1], KEYS[count + 2]
local refusedBy, worstMs = 0, 0
local windows = {}

for index = 1, count do
  local at = 6 + (index - 1) * 5
  local window = {
    key = KEYS[index], limit = tonumber(ARGV[at]), periodMs = tonumber(ARGV[at + 1]), amount = tonumber(ARGV[at + 2]),
    estimated = ARGV[at + 3] == '1', name = ARGV[at + 4], used = 0, newest = nil, taken = {}, expired = {},
  }
  window.stepMs = window.periodMs / steps
  window.step = math.floor(now / window.stepMs)
  local fields = redis.call('HGETALL', window.key)
  for i = 1, #fields, 2 do
    local step, amount = tonumber(fields[i]), tonumber(fields[i + 1])
    if step < window.step - steps then
      window.expired[#window.expired + 1] = fields[i]
    else
      window.used = window.used + amount
      window.taken[#window.taken + 1] = { step = step, amount = amount }
      if not window.newest or step > window.newest then window.newest = step end
    end
  end
  local missing = window.used + window.amount - window.limit
  if missing > 0 then
    local waitMs = math.huge
    if window.amount <= window.limit then
      table.sort(window.taken, function(a, b) return a.step < b.step end)
      local freed = 0
      for _, one in ipairs(window.taken) do
        freed = freed + one.amount
        waitMs = math.ceil((one.step + steps + 1) * window.stepMs) - now
        if freed >= missing then break end
      end
    end
    if refusedBy == 0 or waitMs > worstMs then refusedBy, worstMs = index, waitMs end
  end
  windows[index] = window
end

if slots > 0 then
  redis.call('ZREMRANGEBYSCORE', leasesKey, '-inf', now)
  if refusedBy == 0 and redis.call('ZCARD', leasesKey) >= slots then refusedBy, worstMs = count + 1, math.huge end
end

if refusedBy == 0 then
  local estimates = {}
  for _, window in ipairs(windows) do
    if #window.expired > 0 then redis.call('HDEL', window.key, unpack(window.expired)) end
    if window.amount > 0 then
      redis.call('HINCRBY', window.key, string.format('%.0f', window.step), string.format('%.0f', window.amount))
      redis.call('PEXPIRE', window.key, window.periodMs * 2)
      window.used = window.used + window.amount
      window.newest = window.step
    end
    if window.estimated then
      estimates[#estimates + 1] = window.name
      estimates[#estimates + 1] = string.format('%.0f:%.0f', window.step, window.amount)
    end
  end
  if #estimates > 0 then
    redis.call('HSET', reservationKey, unpack(estimates))
    redis.call('PEXPIRE', reservationKey, settleMs)
  end
  if slots > 0 then
    redis.call('ZADD', leasesKey, now + leaseMs, holder)
    if redis.call('PTTL', leasesKey) < leaseMs then redis.call('PEXPIRE', leasesKey, leaseMs) end
  end
end

local answer = { refusedBy == 0 and 1 or 0, refusedBy, worstMs == math.huge and -1 or worstMs }
for _, window in ipairs(windows) do
  answer[#answer + 1] = window.used
  answer[#answer + 1] = window.newest and math.ceil((window.newest + steps + 1) * window.stepMs) - now or 0
end
return answer
