package circuit

// Counted lets tests see how many attempts a window counts.
func (m *Monitor) Counted(endpointID string) int {
	total, _ := m.windows[endpointID].sums()
	return total
}
