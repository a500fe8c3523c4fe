package dispatcher

import "github.com/waybillhq/waybill/postback"

// maxPortion is how many deliveries one transaction records, unless one event has
// more. Other callers' events wait for the transactions before theirs, so they wait
// for so many at most: a batch for a publisher with a thousand endpoints makes a
// million.
const maxPortion = 1000

// portions splits what is to be recorded, in its order.
func portions(items []postback.Acceptance) [][]postback.Acceptance {
	var split [][]postback.Acceptance
	begin, size := 0, 0
	for i, item := range items {
		if i > begin && size+len(item.Deliveries) > maxPortion {
			split, begin, size = append(split, items[begin:i]), i, 0
		}
		size += len(item.Deliveries)
	}
	if begin < len(items) {
		split = append(split, items[begin:])
	}
	return split
}

// unrecorded is the answer for an event that the ledger failed to take when it had
// taken others of the same request.
type unrecorded struct{ error }

func (u unrecorded) Unwrap() error { return u.error }

// leaveUnrecorded answers so for the refused events, too: whether one is a repeat is
// not known.
func leaveUnrecorded(answers []postback.Acceptance, err error) {
	for i := range answers {
		if answers[i].Err != nil && postback.CodeOf(answers[i].Err) != postback.CodeConflict {
			answers[i].Err = unrecorded{err}
		}
	}
}
