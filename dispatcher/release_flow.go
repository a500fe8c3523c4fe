package dispatcher

// maxAhead bounds how many of an endpoint's deliveries may be due, beside those
// that it has in-flight slots for, while others of it are parked: as many as a worker
// lets wait for a slot.
const maxAhead = 128

// flow is how fast an endpoint takes what is released.
type flow struct {
	window       int // how many might be due or under way at the last release
	last, before int // how many got through until then, and until the release before
	start        int // how wide the window is while it opens after a hold; 0: it is open
}

// slow is the flow of an endpoint that asked to be left alone: it gets one, then
// twice as many each time that some got through.
func slow() flow { return flow{start: 1} }

// next is the window of this release: the in-flight slots that the endpoint has with one
// process, and as many more as get through in one and a half intervals. More
// would wait in vain for a slot, fewer would leave slots free until the next
// one.
func (f flow) next(slots int) int {
	if f.start > 0 && f.start < slots {
		return f.start
	}
	return slots + min((f.last+f.before)*3/4, maxAhead)
}

// after is what is known when so many were released. Those that a wider window
// has room for did not get through.
func (f flow) after(window, released int) flow {
	now := flow{window: window, last: max(0, released-max(0, window-f.window)), before: f.last}
	if window == f.start {
		now.start = f.start * (1 + min(now.last, 1))
	}
	return now
}
