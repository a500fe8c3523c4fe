package postback

// ParseCarefully reads an event with the careful reader alone.
func ParseCarefully(text []byte) (Event, error) {
	var read eventText
	if err := (source{text: text}).decode(&read); err != nil {
		return Event{}, err
	}
	return read.event()
}

// ReadsQuickly reports whether the quick reader reads an event.
func ReadsQuickly(text []byte) bool {
	_, ok := readQuickly(text)
	return ok
}
