package traffic

// SetRoom bounds the counts in memory.
func (r *Recorder) SetRoom(counts int) { r.room = counts }
