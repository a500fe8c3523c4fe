package circuit

// Counted lets tests see how many attempts a window counts.
func (m *Monitor) Counted(endpointID string) int {
	total, _ := m.windows[endpointID].sums()
	return total
}

// Remembered is of how many endpoints a Breaker remembers something.
func (b *Breaker) Remembered() (windows, rows int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.monitor.mu.Lock()
	defer b.monitor.mu.Unlock()
	return len(b.monitor.windows), len(b.unsaved)
}
