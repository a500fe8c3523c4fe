package diagnose

import "hash/maphash"

// The bounds of a search: digests, and bytes that are written and hashed. They
// come to some 20 ms of work, and as much again for orders.
const (
	mostTrials  = 3_000
	mostOrdered = 9_000 // more, for orders together with another mistake
	mostBytes   = 4 << 20
)

// judge says whether a recipe makes a signature that was received, and which
// mistakes lie in how that one is written.
type judge interface {
	holds(r recipe, text []byte) (written []mistake, ok bool)
	// digests is how many digests a trial costs.
	digests() int
}

// base is where a search begins: a right recipe, but for what is known to be
// wrong.
type base struct {
	recipe
	known []mistake
	edits []edit
}

// search tries mistakes until its bounds are reached.
type search struct {
	judge  judge
	seed   maphash.Seed
	seen   map[uint64]struct{}
	trials int
	bytes  int
	most   struct{ trials, bytes int }
}

func newSearch(j judge) *search {
	return &search{judge: j, seed: maphash.MakeSeed(), seen: map[uint64]struct{}{}}
}

// run returns the fewest mistakes that explain the signature; false when none
// of those that are known does.
func (s *search) run(bases []base) ([]mistake, bool) {
	s.most.trials, s.most.bytes = mostTrials, mostBytes
	if found, ok := s.each(bases, s.none, s.one, s.two); ok {
		return found, true
	}
	s.most.trials, s.most.bytes = s.trials+mostOrdered, s.bytes+mostBytes
	return s.each(bases, s.ordered)
}

func (s *search) each(bases []base, stages ...func(base) ([]mistake, bool)) ([]mistake, bool) {
	for _, tried := range stages {
		for _, b := range bases {
			if found, ok := tried(b); ok {
				return found, true
			}
		}
	}
	return nil, false
}

func (s *search) none(b base) ([]mistake, bool) { return s.try(b, b.recipe) }

func (s *search) one(b base) ([]mistake, bool) {
	for _, e := range b.edits {
		if changed, ok := e.apply(b.recipe); ok {
			if found, ok := s.try(b, changed, e); ok {
				return found, true
			}
		}
	}
	return nil, false
}

func (s *search) two(b base) ([]mistake, bool) {
	for i, first := range b.edits {
		if first.alone {
			continue
		}
		if found, ok := s.with(b, first, b.edits[i+1:], first.combines); ok {
			return found, true
		}
	}
	return nil, false
}

// ordered is two for orders, of which there are too many to be tried together with
// everything.
func (s *search) ordered(b base) ([]mistake, bool) {
	for _, order := range b.edits {
		if !order.order {
			continue
		}
		if found, ok := s.with(b, order, b.edits, func(second edit) bool { return second.common }); ok {
			return found, true
		}
	}
	return nil, false
}

// with tries an edit together with each of others that goes with it.
func (s *search) with(b base, first edit, others []edit, goes func(second edit) bool) ([]mistake, bool) {
	once, ok := first.apply(b.recipe)
	if !ok {
		return nil, false
	}
	for _, second := range others {
		if s.spent() {
			return nil, false
		}
		if !goes(second) {
			continue
		}
		twice, ok := second.apply(once)
		if !ok {
			continue
		}
		if found, ok := s.try(b, twice, first, second); ok {
			return found, true
		}
	}
	return nil, false
}

func (s *search) spent() bool { return s.trials >= s.most.trials || s.bytes >= s.most.bytes }

// try computes one signature. The mistakes are those of the base, the edits
// and the writing; a recipe without any is no explanation.
func (s *search) try(b base, r recipe, edits ...edit) ([]mistake, bool) {
	if s.spent() {
		return nil, false
	}
	text := r.source.text(r.key)
	s.bytes += len(text)
	mark := r.mark(s.seed, text)
	if _, again := s.seen[mark]; again {
		return nil, false
	}
	s.seen[mark] = struct{}{}
	s.trials += s.judge.digests()
	s.bytes += s.judge.digests() * (len(text) + len(r.key))
	written, ok := s.judge.holds(r, text)
	if !ok {
		return nil, false
	}
	found := append([]mistake(nil), b.known...)
	for _, e := range edits {
		found = append(found, e.mistake)
	}
	found = append(found, written...)
	return found, len(found) > 0
}
