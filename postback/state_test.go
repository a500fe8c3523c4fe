package postback_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

const start postback.State = "(start)"

type arrow struct{ from, to postback.State }

// arrows reads the table of docs/state_machine.md: | from | to | cause |.
func arrows(t *testing.T) []arrow {
	t.Helper()
	page, err := os.ReadFile("../docs/state_machine.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## Arrows\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var table []arrow
	for line := range strings.Lines(section) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			continue
		}
		from, to := strings.TrimSpace(cells[1]), strings.TrimSpace(cells[2])
		if from == "from" || strings.HasPrefix(from, "-") {
			continue
		}
		table = append(table, arrow{postback.State(from), postback.State(to)})
	}
	if !found || len(table) == 0 {
		t.Fatal("the page has no table of arrows")
	}
	return table
}

func TestCanBecomeIsTheTableOfArrows(t *testing.T) {
	t.Parallel()
	table := arrows(t)
	states := append(postback.States(), start, "unheard-of")
	for _, from := range states {
		for _, to := range states {
			want := from != start && slices.Contains(table, arrow{from, to})
			if got := from.CanBecome(to); got != want {
				t.Errorf("%s -> %s: got %t, want %t", from, to, got, want)
			}
		}
	}
}

func TestTheTableOfArrowsIsWhole(t *testing.T) {
	t.Parallel()
	table := arrows(t)
	for i, one := range table {
		if one.from != start && !slices.Contains(postback.States(), one.from) || !slices.Contains(postback.States(), one.to) {
			t.Errorf("row %d has an unknown state: %s -> %s", i+1, one.from, one.to)
		}
		if slices.Contains(table[:i], one) {
			t.Errorf("row %d repeats %s -> %s", i+1, one.from, one.to)
		}
	}
	var begins []postback.State
	for _, one := range table {
		if one.from == start {
			begins = append(begins, one.to)
		}
	}
	if want := []postback.State{postback.Pending, postback.Parked, postback.Dead}; !slices.Equal(begins, want) {
		t.Errorf("deliveries begin as %v, want %v", begins, want)
	}
}

func TestOnlyAReplayLeavesAnEndedState(t *testing.T) {
	t.Parallel()
	ended := []postback.State{postback.Succeeded, postback.Dead, postback.Cancelled}
	for _, state := range postback.States() {
		if want := slices.Contains(ended, state); state.Ended() != want {
			t.Errorf("%s ended: got %t, want %t", state, state.Ended(), want)
		}
	}
	for _, one := range arrows(t) {
		if one.from.Ended() && one.to != postback.Pending {
			t.Errorf("%s -> %s is no replay", one.from, one.to)
		}
	}
}

func TestDeliveryNamesItsNextAttempt(t *testing.T) {
	t.Parallel()
	delivery := postback.Delivery{ID: "dlv_0194b9aa0194b9aa0194b9aa0194b9aa", Generation: 2, Attempts: 4}
	if want := (postback.Ref{DeliveryID: delivery.ID, Generation: 2, Attempt: 5}); delivery.Ref() != want {
		t.Errorf("got %+v, want %+v", delivery.Ref(), want)
	}
	if got := delivery.MessageID(); got != "0194b9aa0194b9aa0194b9aa0194b9aa" {
		t.Errorf("got %q", got)
	}
}
