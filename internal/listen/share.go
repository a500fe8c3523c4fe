package listen

// Descriptors is how many files and connections this process may have open, 0
// when that is unknown or unlimited.
func Descriptors() int {
	const unlimited = 1 << 30
	limit, known := descriptors()
	if !known || limit >= unlimited {
		return 0
	}
	return int(limit)
}

// Share is how many connections of those asked for the clients of a process
// may have: half of its descriptors at most, so that the ledger, the queue and
// the attempts keep theirs whoever connects.
func Share(asked int) int {
	if limit := Descriptors(); limit > 0 {
		return min(asked, max(1, limit/2))
	}
	return asked
}
