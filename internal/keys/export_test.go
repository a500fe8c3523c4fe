package keys

// Trusted is how many keys are held in memory.
func (k *Keys) Trusted() int { return len(k.trusted) }
