package keys

import "time"

// Trusted is how many keys are held in memory.
func (k *Keys) Trusted() int { return len(k.trusted) }

// MaxClients bounds the memory of clients that failed.
const MaxClients = maxClients

// Suspects is how many clients that failed are held in memory.
func (k *Keys) Suspects() int { return len(k.guard.failed.of) }

// SetClock has the time told by now.
func (p *Pace) SetClock(now func() time.Time) { p.now = now }

// Known is how many keys are remembered.
func (p *Pace) Known() int { return len(p.requests.of) }
