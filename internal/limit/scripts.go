package limit

// bucket begins both scripts: the generic cell rate algorithm, in the form of
// virtual scheduling (ITU-T I.371, annex A). Of each endpoint there are two
// times at which all that was given away is paid for: one for the attempts that
// were made, and one for the deliveries that were released.
//
// A time that these settings cannot have brought about is of others, or of a
// clock that was set back: one slot is due, and these settings hold from there.
const bucket = `
local interval, burst, patience = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local credit = (burst - 1) * interval
local furthest = now + patience + burst * interval

local function paid(field)
	local at = tonumber(redis.call("HGET", KEYS[1], field) or now)
	if at > furthest then
		return now + credit
	end
	return math.max(at, now)
end

local function pay(field, at)
	redis.call("HSET", KEYS[1], field, string.format("%.2f", at))
	redis.call("PEXPIRE", KEYS[1], string.format("%d", math.ceil((furthest - now) / 1000) + 1000))
end
`

// take gives one slot away if it is due within the patience. It answers how long
// it is until then, and the time.
const take = `
local at = paid("taken")
local slot = math.max(now, at - credit)
if slot <= now + patience then
	pay("taken", at + interval)
end
return {math.ceil(slot - now), math.ceil(slot)}`

// grant counts deliveries as released, as many as there are slots for within
// the patience that are neither taken nor promised to others. A negative number
// takes such a count back.
const grant = `
local most = tonumber(ARGV[4])
if most < 0 then
	local at = tonumber(redis.call("HGET", KEYS[1], "released") or now)
	pay("released", at + most * interval)
	return most
end
local at = math.max(paid("taken"), paid("released"))
local count = math.min(most, math.floor((now + patience - at + credit) / interval) + 1)
if count <= 0 then
	return 0
end
pay("released", at + count * interval)
return count`

// holdsKey is where the holds of all endpoints are: since when and until when by
// Redis' clock, in microseconds.
const holdsKey = "waybill:holds"

// holdTime begins both scripts. No hold is longer than the longest: one that is
// has been set before the clock was set back.
const holdTime = `
local longest = tonumber(ARGV[3])
local time = redis.call("TIME")
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])

local function span(text)
	local since, ends = string.match(text, "^(%d+) (%d+)$")
	return tonumber(since or 0), math.min(tonumber(ends or 0), now + longest)
end
`

// hold holds one endpoint, for no less time than it is held already, by what it
// asked for since it was changed.
const hold = `
local ends = now + tonumber(ARGV[2])
local known = redis.call("HGET", KEYS[1], ARGV[1])
if known then
	local since, before = span(known)
	if since >= now - tonumber(ARGV[4]) then
		ends = math.max(ends, before)
	end
end
redis.call("HSET", KEYS[1], ARGV[1], string.format("%.0f %.0f", now, ends))
redis.call("PEXPIRE", KEYS[1], string.format("%.0f", math.ceil(longest / 1000)))
return 1`

// listHolds answers of each endpoint that is held its id, for how long it has
// been and for how long it will be, and forgets the others.
const listHolds = `
local all, answer = redis.call("HGETALL", KEYS[1]), {}
for i = 1, #all, 2 do
	local since, ends = span(all[i + 1])
	if ends > now then
		table.insert(answer, all[i])
		table.insert(answer, string.format("%.0f", now - since))
		table.insert(answer, string.format("%.0f", ends - now))
	else
		redis.call("HDEL", KEYS[1], all[i])
	end
end
return answer`
