package client

import (
	"context"
	"iter"
	"net/url"
	"strconv"
	"time"
)

// put adds a query parameter unless its value is empty.
func put(query url.Values, name, value string) {
	if value != "" {
		query.Set(name, value)
	}
}

func putTime(query url.Values, name string, value Time) {
	if !value.IsZero() {
		query.Set(name, value.UTC().Format(time.RFC3339Nano))
	}
}

func putPage(query url.Values, page PageRequest) {
	put(query, "cursor", page.Cursor)
	if page.Limit != 0 {
		query.Set("limit", strconv.Itoa(page.Limit))
	}
}

// pages walks a listing page by page. It yields an error once and then ends.
func pages[T any](ctx context.Context, list func(context.Context, PageRequest) (Page[T], error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		request := PageRequest{Limit: 200}
		for {
			page, err := list(ctx, request)
			if err != nil {
				var none T
				yield(none, err)
				return
			}
			for _, item := range page.Items {
				if !yield(item, nil) {
					return
				}
			}
			if page.NextCursor == "" {
				return
			}
			request.Cursor = page.NextCursor
		}
	}
}
