package demo

import (
	"slices"
	"sync"
	"time"
)

// receipt is one request as a receiver saw it and answered it.
type receipt struct {
	at          time.Time
	receiver    string
	transaction string // what the publisher tells a repeat by
	messageID   string // where the scheme carries it
	number      int    // of the request among those with this transaction, from 1
	signature   error  // nil: it holds
	rotated     bool   // the receiver has had an older secret
	oldSecret   error  // nil: the signature is valid with the older secret
	status      int    // the answer
}

// book is what all receivers saw, in order.
type book struct {
	show func(receipt) // called for each entry, one at a time

	mu      sync.Mutex
	resting bool
	entries []receipt
	counts  map[transaction]int
}

// transaction is what a receiver tells a repeat by.
type transaction struct{ receiver, id string }

func newBook(show func(receipt)) *book { return &book{show: show, counts: map[transaction]int{}} }

// enter numbers a receipt, keeps it and shows it.
func (b *book) enter(entry receipt) receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	key := transaction{entry.receiver, entry.transaction}
	b.counts[key]++
	entry.number = b.counts[key]
	if !b.resting {
		b.entries = append(b.entries, entry)
	}
	b.show(entry)
	return entry
}

// rest stops keeping entries: the story is over, and what comes is only shown.
func (b *book) rest() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.resting, b.entries = true, nil
}

// all is every receipt so far.
func (b *book) all() []receipt {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.entries)
}
