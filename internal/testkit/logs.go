package testkit

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
)

// Logs is what was logged, at every level, as lines of JSON.
type Logs struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

// NewLogger makes a logger whose lines are kept.
func NewLogger() (*slog.Logger, *Logs) {
	logs := &Logs{}
	return slog.New(slog.NewJSONHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})), logs
}

// Write takes a line.
func (l *Logs) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.Write(line) //nolint:wrapcheck // it never fails
}

// String is all lines.
func (l *Logs) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buffer.String()
}

// With are the lines that have this message.
func (l *Logs) With(message string) []map[string]any {
	var found []map[string]any
	for line := range strings.Lines(l.String()) {
		var fields map[string]any
		if json.Unmarshal([]byte(line), &fields) == nil && fields[slog.MessageKey] == message {
			found = append(found, fields)
		}
	}
	return found
}
