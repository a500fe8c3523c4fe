package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"
	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
)

// printTable prints rows under their headings, aligned and escaped, in the look of
// the stream.
func (p *program) printTable(out io.Writer, headings []string, rows [][]string) {
	p.look(out).table(out, headings, rows)
}

const columnGap = "  "

func (l look) table(out io.Writer, headings []string, rows [][]string) {
	lines := make([][]string, 0, len(rows)+1)
	lines = append(lines, escaped(headings))
	for _, row := range rows {
		lines = append(lines, escaped(row))
	}
	widths := l.fit(columnWidths(lines))
	writer := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", columnGap
	writer.SetStyle(style)
	writer.SuppressTrailingSpaces()
	for i, line := range lines {
		cells := make(table.Row, 0, len(line))
		for column, cell := range line {
			shown := text.Snip(cell, widths[column], ellipsis)
			if i > 0 {
				shown = l.paint(headings[column], cell, shown)
			}
			cells = append(cells, shown)
		}
		if i == 0 {
			writer.AppendHeader(cells)
		} else {
			writer.AppendRow(cells)
		}
	}
	fmt.Fprintln(out, writer.Render())
}

func escaped(texts []string) []string {
	safe := make([]string, 0, len(texts))
	for _, one := range texts {
		safe = append(safe, escapeLine(one))
	}
	return safe
}

// columnWidths are how wide each column is when nothing is cut.
func columnWidths(lines [][]string) []int {
	widths := make([]int, len(lines[0]))
	for _, line := range lines {
		for column, cell := range line {
			widths[column] = max(widths[column], text.StringWidth(cell))
		}
	}
	return widths
}

const (
	ellipsis = "…"
	// narrowest is how far a column is cut: less of it says nothing.
	narrowest = 8
)

// fit cuts the widest columns until all fit into the terminal's width, as far as
// they can be cut. The first one stays whole: it names the row, and is what the
// next command is given.
func (l look) fit(widths []int) []int {
	room := l.width - len(columnGap)*(len(widths)-1)
	for l.width > 0 {
		total, widest := widths[0], 0
		for column, width := range widths[1:] {
			total += width
			if width > narrowest && (widest == 0 || width > widths[widest]) {
				widest = column + 1
			}
		}
		if total <= room || widest == 0 {
			break
		}
		widths[widest]--
	}
	return widths
}

// when prints a time to the second as RFC 3339 in UTC, which every command takes,
// or nothing when there is none.
func when(t client.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}

// paging is what every listing lets choose.
type paging struct {
	limit  int
	cursor string
	json   bool
}

func (g *paging) add(cmd *cobra.Command) {
	cmd.Flags().IntVar(&g.limit, "limit", 50, "`COUNT` maximum number to show")
	cmd.Flags().StringVar(&g.cursor, "cursor", "", "`CURSOR` cursor that an earlier listing ended with")
	filters(cmd, "cursor")
	jsonFlag(cmd, &g.json)
}
