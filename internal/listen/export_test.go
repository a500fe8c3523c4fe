package listen

// Waiting is how many connections wait for a request.
func (s *Server) Waiting() int {
	s.gate.mu.Lock()
	defer s.gate.mu.Unlock()
	return s.gate.waiting.Len()
}
