package demo

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"unicode"

	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/waybillhq/waybill/client"
)

// screen prints the story. Its methods may be called from many goroutines; what
// one call prints stays together.
type screen struct {
	out    io.Writer
	color  bool
	giveUp func() // called when out takes nothing more

	mu     sync.Mutex
	steps  int
	broken error
}

// print writes to out, unless that has failed before.
func (s *screen) print(page string) {
	if s.broken != nil {
		return
	}
	if _, err := io.WriteString(s.out, page); err != nil {
		s.broken = fmt.Errorf("write output: %w", err)
		s.giveUp()
	}
}

// failure is why nothing can be shown any more, nil when all was.
func (s *screen) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.broken
}

// block prints lines, each indented.
func (s *screen) block(lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(lines)
}

func (s *screen) write(lines []string) {
	var page strings.Builder
	for _, line := range lines {
		page.WriteString(strings.TrimRight("   "+line, " ") + "\n")
	}
	s.print(page.String())
}

// paint colours a text that is as wide as it shall be.
func (s *screen) paint(colour text.Color, plain string) string {
	if !s.color {
		return plain
	}
	return colour.Sprint(plain)
}

func (s *screen) line(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.print(fmt.Sprintf(format+"\n", args...))
}

func (s *screen) opening() {
	s.line("%s\n", s.paint(text.Bold, "Waybill: signed postbacks that arrive"))
	s.line("A platform hands Waybill its conversion and exchange events. Waybill signs each one the way\n" +
		"its publisher already verifies, and sends it until the publisher answers 200, or keeps it as a\n" +
		"dead letter that can be sent again. All that follows happens now, on this machine.")
}

// step begins a chapter.
func (s *screen) step(title string, lines ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.steps++
	s.print("\n" + s.paint(text.Bold, fmt.Sprintf("%d. %s", s.steps, title)) + "\n")
	s.write(lines)
}

func (s *screen) note(lines ...string) { s.block(lines...) }

// result is what a command answered.
func (s *screen) result(format string, args ...any) {
	s.block("=> " + fmt.Sprintf(format, args...))
}

// command shows what a user would type, where the demo uses the client.
func (s *screen) command(lines ...string) { s.shell(lines...) }

func (s *screen) shell(lines ...string) {
	painted := make([]string, 0, len(lines))
	for i, line := range lines {
		prompt := "$ "
		if i > 0 {
			prompt = "  "
		}
		painted = append(painted, s.paint(text.FgCyan, prompt+line))
	}
	s.block(painted...)
}

// send is the command that sends the event.
func (s *screen) send(event client.Event) {
	s.command(
		fmt.Sprintf(`waybill send --id %s --type %s --publisher %s \`, event.ID, event.Type, event.Publisher),
		fmt.Sprintf(`  --data '%s'`, event.Data))
}

// facts are labels and what they stand for.
func (s *screen) facts(pairs ...[2]string) {
	width := 0
	for _, pair := range pairs {
		width = max(width, len(pair[0]))
	}
	lines := make([]string, 0, len(pairs))
	for _, pair := range pairs {
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, pair[0], pair[1]))
	}
	s.block(lines...)
}

const receiptFormat = "%-13s  %-10s  %-7s  %-7s  "

func (s *screen) receiptHeader() {
	s.block(s.paint(text.Faint, fmt.Sprintf(receiptFormat+"%-16s  %s", "time", "receiver", "event", "attempt", "answer", "the receiver's check")))
}

// receipt prints a request as its receiver saw it, the moment it is answered.
func (s *screen) receipt(entry receipt) {
	colour := text.FgGreen
	switch {
	case entry.signature != nil:
		colour = text.FgRed
	case entry.status != http.StatusOK:
		colour = text.FgYellow
	}
	seen := fmt.Sprintf(receiptFormat, entry.at.UTC().Format("15:04:05.000Z"), entry.receiver, printable(entry.transaction), fmt.Sprint(entry.number))
	s.block(seen + s.paint(colour, fmt.Sprintf("%-16s  %s", outcome(entry.status), verdict(entry))))
}

// printable keeps what strangers send to a receiver from moving the cursor.
func printable(id string) string {
	const longest = 60
	plain := strings.Map(func(char rune) rune {
		if unicode.IsPrint(char) {
			return char
		}
		return '?'
	}, id)
	return text.Trim(plain, longest)
}

func outcome(status int) string {
	switch status {
	case http.StatusOK:
		return "200 delivered"
	case http.StatusForbidden:
		return "403 refused"
	default:
		return fmt.Sprintf("%d failed", status)
	}
}

func verdict(entry receipt) string {
	switch {
	case entry.signature != nil:
		return "signature is NOT valid"
	case entry.rotated && entry.oldSecret != nil:
		return "signature is valid with the new secret, not with the old"
	case entry.rotated:
		return "signature is valid with the OLD secret too"
	default:
		return "signature is valid"
	}
}
