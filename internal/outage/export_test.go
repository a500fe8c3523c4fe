package outage

// Hosts is how many receivers are remembered.
func (m *Monitor) Hosts() int {
	return len(m.suspects.failing.hosts) + len(m.suspects.unknown.hosts) + len(m.suspects.byItself)
}
