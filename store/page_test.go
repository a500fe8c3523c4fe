package store_test

import (
	"testing"
	"time"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

func TestCursor(t *testing.T) {
	t.Parallel()
	want := store.Position{At: time.Date(2026, 1, 31, 12, 0, 0, 123456000, time.UTC), Key: "a key with spaces"}
	cursor := store.Deliveries.Cursor(want)
	got, found, err := store.Deliveries.Position(cursor)
	if err != nil || !found || got != want {
		t.Fatalf("position is %+v, %v, %v", got, found, err)
	}
	if _, found, err := store.Deliveries.Position(""); err != nil || found {
		t.Fatalf("an empty cursor is %v, %v", found, err)
	}
	for _, other := range []store.Listing{store.Events, store.Endpoints} {
		if _, _, err := other.Position(cursor); postback.CodeOf(err) != postback.CodeInvalid {
			t.Errorf("a cursor of deliveries among %s is %v", other, err)
		}
	}
}

func FuzzPosition(f *testing.F) {
	f.Add(store.Events.Cursor(store.Position{At: time.Unix(1, 0), Key: "7"}))
	f.Add("ZXZlbnRzIDE")
	f.Add("!")
	f.Fuzz(func(t *testing.T, cursor string) {
		last, found, err := store.Events.Position(cursor)
		if err != nil {
			if postback.CodeOf(err) != postback.CodeInvalid {
				t.Fatalf("error is %v", err)
			}
			return
		}
		if !found {
			return
		}
		again, _, err := store.Events.Position(store.Events.Cursor(last))
		if err != nil || again != last {
			t.Fatalf("%q is %+v, spelled again %+v, %v", cursor, last, again, err)
		}
	})
}

func TestSize(t *testing.T) {
	t.Parallel()
	for limit, want := range map[int]int{
		-1: postback.DefaultPage, 0: postback.DefaultPage, 1: 1, 7: 7,
		postback.MaxPage: postback.MaxPage, postback.MaxPage + 1: postback.MaxPage,
	} {
		if got := store.Size(postback.Page{Limit: limit}); got != want {
			t.Errorf("limit %d is %d rows, want %d", limit, got, want)
		}
	}
}

func TestTypeRange(t *testing.T) {
	t.Parallel()
	types := []string{"", "a", "conversion", "conversion.", "conversion.a", "conversion.a.b", "conversion.b", "conversion.é", "conversionx", "exchange.a", "\U0010fffe"}
	for _, pattern := range []string{"*", "conversion.*", "conversion.a", "conversion.a*", "exchange.*", "c*", "conversion.%", "conversion._"} {
		from, before, bounded := store.TypeRange(pattern)
		for _, eventType := range types {
			got := !bounded || eventType >= from && eventType < before
			if want := postback.MatchType(pattern, eventType); got != want {
				t.Errorf("%q by %q is %v, want %v", eventType, pattern, got, want)
			}
		}
	}
}
