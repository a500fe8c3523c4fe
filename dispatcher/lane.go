package dispatcher

// lane is one queue. What is left in it of the attempts that this process put
// there are the last ones: as many as the queue holds, or fewer where other
// processes fill it, too.
type lane struct {
	share     int            // of one endpoint
	publisher int            // of all endpoints of a publisher
	length    int            // when it was last counted, and what entered since
	entries   int            // how many entered from this process
	recent    []owner        // whom the last ones are for, oldest first
	of        map[owner]int  // how many of these are each endpoint's
	ofAll     map[string]int // and each publisher's
}

func (l *lanes) newShards(count int) []*lane {
	shards := make([]*lane, count)
	for i := range shards {
		shards[i] = &lane{share: l.share, publisher: l.publisher, of: map[owner]int{}, ofAll: map[string]int{}}
	}
	return shards
}

func (l *lane) add(of owner) {
	l.length++
	l.entries++
	l.recent = append(l.recent, of)
	l.of[of]++
	l.ofAll[of.publisher]++
}

// saw notes how long the queue was at a moment when so many had entered.
func (l *lane) saw(length, entries int) {
	l.length = length + l.entries - entries
	gone := max(0, len(l.recent)-l.length)
	for _, of := range l.recent[:gone] {
		less(l.of, of)
		less(l.ofAll, of.publisher)
	}
	l.recent = l.recent[gone:]
}

// less counts one less, and forgets those that have none.
func less[K comparable](counts map[K]int, of K) {
	if counts[of]--; counts[of] <= 0 {
		delete(counts, of)
	}
}

// room is how many more of an endpoint may enter a queue with this bound.
func (l *lane) room(of owner, bound int) int {
	return min(bound-l.length, l.share-l.of[of])
}

// publisherRoom is how many more of all endpoints of a publisher may.
func (l *lane) publisherRoom(publisher string) int { return l.publisher - l.ofAll[publisher] }
