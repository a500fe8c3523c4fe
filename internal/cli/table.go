package cli

import (
	"fmt"
	"io"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
)

// printTable prints rows under their headings, aligned and escaped.
func printTable(out io.Writer, headings []string, rows [][]string) {
	writer := table.NewWriter()
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	writer.SetStyle(style)
	writer.SuppressTrailingSpaces()
	writer.AppendHeader(cells(headings))
	for _, row := range rows {
		writer.AppendRow(cells(row))
	}
	fmt.Fprintln(out, writer.Render())
}

func cells(texts []string) table.Row {
	row := make(table.Row, 0, len(texts))
	for _, text := range texts {
		row = append(row, escapeLine(text))
	}
	return row
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
	cmd.Flags().IntVar(&g.limit, "limit", 50, "how many to show at most")
	cmd.Flags().StringVar(&g.cursor, "cursor", "", "`CURSOR` that an earlier listing ended with")
	jsonFlag(cmd, &g.json)
}
