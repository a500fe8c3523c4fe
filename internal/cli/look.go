package cli

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// look is how a stream shows results. What is no terminal gets all of every
// text, and no colours: a program reads it.
type look struct {
	width   int // in characters; 0 is no limit
	colours bool
}

// look is that of a stream, which NO_COLOR and a dumb terminal leave without
// colours.
func (p *program) look(stream any) look {
	if !isTerminal(stream) {
		return look{}
	}
	shown := look{colours: p.getenv("NO_COLOR") == "" && p.getenv("TERM") != "dumb"}
	if file, ok := stream.(*os.File); ok {
		if width, _, err := term.GetSize(int(file.Fd())); err == nil {
			shown.width = width
		}
	}
	return shown
}

// The colours of states, as escape sequences.
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	faint  = "\x1b[2m"
	plain  = "\x1b[0m"
)

// paint colours what is shown of a text, when that is a state.
func (l look) paint(heading, text, shown string) string {
	if !l.colours || heading != "state" {
		return shown
	}
	colour := colourOf(text)
	if colour == "" {
		return shown
	}
	return colour + shown + plain
}

// colourOf is the colour of a state, of whatever it is: green is well, yellow
// waits, red is for somebody to look at.
func colourOf(state string) string {
	if strings.Contains(state, "circuit open") {
		return red
	}
	word, _, _ := strings.Cut(state, " ")
	switch strings.TrimRight(word, ",:") {
	case "succeeded", "done":
		return green
	case "retrying", "parked", "paused", "running":
		return yellow
	case "dead", "disabled":
		return red
	case "cancelled":
		return faint
	default:
		return ""
	}
}
