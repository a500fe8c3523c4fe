package cli

import (
	"context"

	"github.com/waybillhq/waybill/client"
)

// maxPage is the most that the API gives at once.
const maxPage = 1000

// listing is how a kind of thing is listed.
type listing[T any] struct {
	what     string // plural, for a listing that is empty
	headings []string
	row      func(T) []string
	page     func(context.Context, client.PageRequest) (client.Page[T], error)
}

// show prints up to the limit, and how to see what is left.
func (l listing[T]) show(ctx context.Context, p *program, chosen paging) error {
	if chosen.limit < 1 {
		return usagef("--limit must be at least 1")
	}
	page, err := l.collect(ctx, chosen)
	if err != nil {
		return err
	}
	if chosen.json {
		return p.printJSON(page)
	}
	if len(page.Items) == 0 {
		p.notef("no %s\n", l.what)
		return nil
	}
	rows := make([][]string, 0, len(page.Items))
	for _, item := range page.Items {
		rows = append(rows, l.row(item))
	}
	p.printTable(p.out, l.headings, rows)
	if page.NextCursor != "" {
		p.notef("There are more: --cursor %s\n", escapeLine(page.NextCursor))
	}
	return nil
}

// collect reads as many pages as the limit needs.
func (l listing[T]) collect(ctx context.Context, chosen paging) (client.Page[T], error) {
	all := client.Page[T]{Items: []T{}, NextCursor: chosen.cursor}
	for {
		part, err := l.page(ctx, client.PageRequest{
			Cursor: all.NextCursor,
			Limit:  min(chosen.limit-len(all.Items), maxPage),
		})
		if err != nil {
			return all, err
		}
		all.Items = append(all.Items, part.Items...)
		all.NextCursor = part.NextCursor
		if part.NextCursor == "" || len(all.Items) >= chosen.limit {
			return all, nil
		}
	}
}
