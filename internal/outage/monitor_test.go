package outage_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/waybillhq/waybill/internal/outage"
)

// What many receivers have in common is our fault: from the fifth on, failures are
// ours, and nothing is sent but probes.
func TestFailuresOfManyAreOurs(t *testing.T) {
	t.Parallel()
	l := newLine()
	all := publishers(12)
	began := l.now.Add(100 * time.Millisecond)
	if theirs := l.fall(all[:4]); theirs != 4 {
		t.Fatalf("of four failures %d are theirs", theirs)
	}
	l.expect(t, "four", false)
	if theirs := l.fall(all[4:5]); theirs != 0 {
		t.Error("the fifth failure is the endpoint's")
	}
	state := l.expect(t, "five", true)
	if state.Reason != outage.Reason || !state.Since.Equal(began) || state.Message != "no route" || state.Deliveries != 1 || state.Endpoints != 1 {
		t.Errorf("it is %+v, since %s", state, state.Since.Sub(began))
	}
	for _, one := range all[:5] {
		if made, _ := l.send(one[0], one[1], outage.Unreached); made {
			t.Errorf("an attempt to %s was made, which failed just now", one[1])
		}
	}
	if state = l.expect(t, "held", true); state.Deliveries != 6 || state.Endpoints != 5 {
		t.Errorf("held are %+v", state)
	}
	if made, ours := l.send(all[6][0], all[6][1], outage.Unreached); !made || !ours {
		t.Errorf("a receiver of which nothing is known: tried %t, ours %t", made, ours)
	}
}

func TestFailuresThatAreNotOurs(t *testing.T) {
	t.Parallel()
	of := func(publisher string, hosts int) (all [][2]string) {
		for i := range hosts {
			all = append(all, [2]string{publisher, fmt.Sprintf("host%d.%s.example.com", i, publisher)})
		}
		return all
	}
	for name, play := range map[string]func(l *line){
		"one publisher": func(l *line) { l.fall(of("pub_1", 500)) },
		"two publishers": func(l *line) {
			l.fall(of("pub_1", 500))
			l.fall(of("pub_2", 500))
		},
		"one host of many publishers": func(l *line) {
			for i := range 100 {
				l.send(fmt.Sprintf("pub_%d", i), "host.example.com", outage.Unreached)
			}
		},
		"over a long time": func(l *line) {
			for _, one := range publishers(50) {
				l.send(one[0], one[1], outage.Unreached)
				l.pass(15 * time.Second)
			}
		},
		"others are reached": func(l *line) {
			for _, one := range publishers(100) {
				l.send(one[0], one[1], outage.Unreached)
				l.send("pub_well", "well.example.com", outage.Reached)
			}
		},
		"many names do not resolve": func(l *line) {
			for _, one := range publishers(50) {
				l.send(one[0], one[1]+".invalid", outage.Unclear)
				l.send(one[0], one[1], outage.Unreached)
			}
		},
		// Dead for days, and a receiver that is well has an event now and then.
		"they were down before": func(l *line) {
			l.send("pub_well", "well.example.com", outage.Reached)
			l.fall(publishers(4))
			l.send("pub_well", "well.example.com", outage.Reached)
			for range 100 {
				l.fall(publishers(4))
				l.pass(10 * time.Minute)
			}
			l.fall([][2]string{{"pub_a", "a.example.com"}, {"pub_b", "b.example.com"}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine()
			play(l)
			l.expect(t, name, false)
		})
	}
}

// Successes of attempts that began before say nothing of now.
func TestAnswersOnTheirWayDoNotHideAnOutage(t *testing.T) {
	t.Parallel()
	l := newLine()
	late := l.attempt("pub_well", "well.example.com")
	if !l.Enter(late, l.now) {
		t.Fatal("it may not be made")
	}
	l.fall(publishers(4))
	l.Learn(late, outage.Reached, "", "", l.now)
	l.fall(publishers(5)[4:])
	l.expect(t, "an answer to what was sent before", true)
}

// One receiver that is reached ends it: it was our fault no more, or it never was.
func TestOneThatIsReachedEndsTheHold(t *testing.T) {
	t.Parallel()
	l := newLine()
	all := publishers(6)
	l.fall(all[:5])
	if made, _ := l.send(all[5][0], all[5][1], outage.Reached); !made {
		t.Fatal("a receiver of which nothing is known was not tried")
	}
	for _, one := range all[:4] {
		if made, ours := l.send(one[0], one[1], outage.Unreached); !made || ours {
			t.Errorf("%s: made %t, ours %t", one[1], made, ours)
		}
	}
	l.expect(t, "just over", true) // it may come and go
	l.pass(50 * time.Second)
	l.expect(t, "after a while", false)
}

// While it lasts each receiver is tried now and then, one of each publisher at
// once, and it lasts for as long as they fail.
func TestProbesWhileItLasts(t *testing.T) {
	t.Parallel()
	l := newLine()
	all := publishers(5)
	l.fall(all)
	probes := 0
	for range 3600 {
		for _, one := range all {
			if made, ours := l.send(one[0], one[1], outage.Unreached); made {
				probes++
				if !ours {
					t.Fatal("a failure of a probe is the endpoint's")
				}
			}
		}
		l.pass(500 * time.Millisecond)
	}
	l.expect(t, "after half an hour", true)
	if most := 5 * 1800 / 15; probes < most/2 || probes > most {
		t.Errorf("%d probes were made in half an hour", probes)
	}
	first, second := l.attempt("pub_9", "a.example.com"), l.attempt("pub_9", "b.example.com")
	if !l.Enter(first, l.now) || l.Enter(second, l.now) {
		t.Error("a publisher has not exactly one probe")
	}
	l.Learn(first, outage.Unreached, "", "", l.now)
	l.Leave(first)
	if !l.Enter(second, l.now) {
		t.Error("it has none when the first has ended")
	}
}

// What nobody tries any more does not hold others for ever.
func TestAHoldWithoutFailuresEnds(t *testing.T) {
	t.Parallel()
	l := newLine()
	l.fall(publishers(5))
	l.pass(30 * time.Second)
	l.expect(t, "a pause", true)
	l.pass(5 * time.Minute)
	l.expect(t, "nothing fails", false)
	if made, _ := l.send("pub_0", "host0.example.com", outage.Reached); !made {
		t.Error("an attempt is held")
	}
}

func TestFailuresBeyondDoubt(t *testing.T) {
	t.Parallel()
	for name, one := range map[string]struct {
		play func(l *line)
		down bool
	}{
		"two": {func(l *line) {
			l.send("pub_1", "a.example.com", outage.Broken)
			l.send("pub_1", "a.example.com", outage.Broken)
		}, false},
		"three of one publisher, and nothing else": {func(l *line) {
			for range 3 {
				l.send("pub_1", "a.example.com", outage.Broken)
				l.pass(15 * time.Second)
			}
		}, true},
		"of one publisher, and others are reached": {func(l *line) {
			for range 100 {
				l.send("pub_1", "six.example.com", outage.Broken)
				l.send("pub_2", "four.example.com", outage.Reached)
			}
		}, false},
		"of several publishers, and others are reached": {func(l *line) {
			for i := range 3 {
				l.send(fmt.Sprintf("pub_%d", i), "name.example.com", outage.Broken)
				l.send("pub_9", "192.0.2.1", outage.Reached)
			}
		}, true},
		"far apart": {func(l *line) {
			for range 50 {
				l.send("pub_1", "a.example.com", outage.Broken)
				l.pass(30 * time.Second)
			}
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLine()
			one.play(l)
			state := l.expect(t, name, one.down)
			if one.down && (state.Reason != "egress_no_route" || state.Deliveries < 3) {
				t.Errorf("it is %+v", state)
			}
		})
	}
}

// It is over when nothing has failed so for a while, and the next one is another.
func TestAnOutageEnds(t *testing.T) {
	t.Parallel()
	l := newLine()
	for range 10 {
		l.send("pub_1", "a.example.com", outage.Broken)
		l.pass(15 * time.Second)
	}
	l.pass(29 * time.Second)
	l.expect(t, "44 s later", true)
	l.pass(time.Second)
	l.expect(t, "45 s later", false)
	l.send("pub_1", "a.example.com", outage.Broken)
	l.expect(t, "one more", false)
	l.Missing("egress_address_unavailable", "it is gone", l.now)
	if state := l.expect(t, "no address", true); state.Reason != "egress_address_unavailable" || state.Deliveries != 0 {
		t.Errorf("it is %+v", state)
	}
}

// However many receivers there are, what is remembered is bounded.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	l := newLine()
	for i := range 8_000 {
		host := fmt.Sprintf("host%d.example.com", i)
		for kind, found := range map[string]outage.Finding{"a": outage.Unreached, "b": outage.Unclear} {
			publisher := fmt.Sprintf("pub_%d", i%7000)
			l.Learn(l.attempt(publisher, kind+host), found, "", "", l.now)
		}
		if i%2000 == 0 {
			l.pass(time.Second)
			l.Learn(l.attempt("pub_3", "well.example.com"), outage.Reached, "", "", l.now)
		}
	}
	if hosts := l.Hosts(); hosts == 0 || hosts > 2*1024+4096 {
		t.Errorf("%d hosts are remembered", hosts)
	}
}

// Whoever waits for the egress path hears when something may get through, whether it is
// an answer that says so or that nothing fails any more.
func TestWhenTheWayOutWorks(t *testing.T) {
	t.Parallel()
	l := newLine()
	l.expectWorks(t, "nothing is known", true)
	all := publishers(6)
	l.fall(all[:5])
	l.expectWorks(t, "nobody is reached", false)
	waits := l.Works()
	l.send(all[5][0], all[5][1], outage.Reached)
	<-waits
	l.expectWorks(t, "one is reached", true)

	l = newLine()
	l.fall(all)
	l.pass(5 * time.Minute)
	l.State(l.now)
	l.expectWorks(t, "nobody is tried", true)

	l = newLine()
	for range 3 {
		l.send("pub_1", "a.example.com", outage.Broken)
	}
	l.expectWorks(t, "nothing can be sent", false)
	l.send("pub_2", "b.example.com", outage.Reached)
	l.expectWorks(t, "something was", true)
	l.send("pub_1", "a.example.com", outage.Broken)
	l.expectWorks(t, "something was, of late", true)

	l = newLine()
	l.Missing("egress_address_unavailable", "it is gone", l.now)
	l.expectWorks(t, "no address", false)
	l.pass(45 * time.Second)
	l.State(l.now)
	l.expectWorks(t, "it is back", true)
}

// What only few publishers' receivers suffer while others are reached is no outage
// of this host, and does not make one last.
func TestNoWayToOneReceiver(t *testing.T) {
	t.Parallel()
	l := newLine()
	for range 3 {
		l.send("pub_1", "six.example.com", outage.Broken)
	}
	l.expect(t, "nothing is reached", true)
	for i := range 10 {
		l.send("pub_2", "four.example.com", outage.Reached)
		broken := l.attempt("pub_1", "six.example.com")
		fault := l.Learn(broken, outage.Broken, "egress_no_route", "no route", l.now)
		if fault != outage.Alone && i > 3 {
			t.Errorf("failure %d is %s", i, fault)
		}
		l.pass(15 * time.Second)
	}
	l.expect(t, "one receiver cannot be reached", false)
}
