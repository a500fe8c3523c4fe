package egress_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
)

const silence = 5 * time.Second // the connect timeout

// Addresses that swallow packets used to share the connect timeout, four of
// them in all, whatever came behind.
func TestDeadAddressesDelayABit(t *testing.T) {
	t.Parallel()
	dead6 := make([]string, 25)
	for i := range dead6 {
		dead6[i] = fmt.Sprintf("2a00::1:%x", i+1)
	}
	refused := fails("connect", syscall.ECONNREFUSED)
	for name, test := range map[string]struct {
		addrs []string
		at    map[string]answer
		took  time.Duration
		tried int
	}{
		"IPv6 is dead":              {[]string{"2a00::1", "9.9.9.1"}, nil, 250 * time.Millisecond, 2},
		"IPv4 is dead":              {[]string{"9.9.9.9", "2a00::5"}, nil, 250 * time.Millisecond, 2},
		"four dead before the good": {[]string{"9.9.9.2", "9.9.9.3", "9.9.9.4", "9.9.9.5", "9.9.9.1"}, nil, time.Second, 5},
		"the families alternate":    {[]string{"2a00::1", "2a00::2:1", "9.9.9.1", "2a00::3"}, nil, 250 * time.Millisecond, 2},
		"none is cut before that":   {append(slices.Clone(dead6), "9.9.9.1"), nil, 250 * time.Millisecond, 2},
		"refused at once": {
			[]string{"9.9.9.2", "9.9.9.3", "9.9.9.1"},
			map[string]answer{"9.9.9.2": refused, "9.9.9.3": refused},
			0, 3,
		},
		"slow, but the first": {
			[]string{"9.9.9.2", "9.9.9.3"},
			map[string]answer{"9.9.9.2": serves(300*time.Millisecond, fine)},
			300 * time.Millisecond, 2,
		},
		"the second overtakes": {
			[]string{"9.9.9.2", "9.9.9.1"},
			map[string]answer{"9.9.9.2": serves(300*time.Millisecond, fine)},
			250 * time.Millisecond, 2,
		},
		"a source that is gone": {
			[]string{"2a00::1", "9.9.9.1"},
			map[string]answer{"2a00::1": fails("bind", syscall.EADDRNOTAVAIL)},
			0, 2,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				there := &network{at: map[string]answer{
					"9.9.9.1": serves(0, fine), "2a00::5": serves(0, fine),
				}}
				maps.Copy(there.at, test.at)
				result := get(t, over(t, there, egress.Options{}, test.addrs...), "http://receiver.example.com/")
				expectStatus(t, result, http.StatusOK)
				if result.Duration != test.took || len(there.tried) != test.tried {
					t.Errorf("took %s, tried %v", result.Duration, there.tried)
				}
			})
		})
	}
}

func TestFailureNamesWhatWasTried(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &network{at: map[string]answer{
			"9.9.9.3": fails("connect", syscall.ECONNREFUSED),
		}}
		client := over(t, there, egress.Options{}, "2a00::1", "9.9.9.2", "9.9.9.3")
		result := client.Send(t.Context(), egress.Request{Method: http.MethodGet, URL: "http://receiver.example.com/"}, time.Minute)
		expectFailure(t, result, egress.Failed, egress.CodeConnectRefused)
		for _, named := range []string{"[2a00::1]:80: no answer in time", "9.9.9.2:80: no answer in time", "9.9.9.3:80: connection refused"} {
			if !strings.Contains(result.Failure.Message, named) {
				t.Errorf("%q does not say %q", result.Failure.Message, named)
			}
		}
		if result.Duration != silence {
			t.Errorf("took %s", result.Duration)
		}
	})
}

// More addresses than can be tried must not make more packets than that.
func TestTriesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &network{at: map[string]answer{}}
		many := make([]string, 200)
		for i := range many {
			many[i] = fmt.Sprintf("9.9.8.%d", i+1)
			there.at[many[i]] = fails("connect", syscall.ECONNREFUSED)
		}
		result := get(t, over(t, there, egress.Options{}, many...), "http://receiver.example.com/")
		expectFailure(t, result, egress.Failed, egress.CodeConnectRefused)
		if len(there.tried) != 20 || len(result.Failure.Message) > 500 {
			t.Errorf("tried %d: %s", len(there.tried), result.Failure.Message)
		}
	})
}

func TestNoPacketBeforeEveryAddressIsVetted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &network{}
		many := slices.Repeat([]string{"9.9.9.1", "2a00::1"}, 30)
		client := over(t, there, egress.Options{}, append(many, "10.0.0.1")...)
		expectFailure(t, get(t, client, "http://receiver.example.com/"), egress.Refused, egress.CodeDenied)
		if len(there.tried) > 0 {
			t.Errorf("tried %v", there.tried)
		}
	})
}

func TestFamilyWithoutSourceIsSkipped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		there := &network{at: map[string]answer{"9.9.9.1": serves(0, fine)}}
		client := over(t, there, egress.Options{Addresses: addrs("127.0.0.2")}, "2a00::1", "9.9.9.1")
		result := get(t, client, "http://receiver.example.com/")
		expectStatus(t, result, http.StatusOK)
		if result.Duration != 0 || !slices.Equal(there.tried, []string{"9.9.9.1"}) {
			t.Errorf("took %s, tried %v", result.Duration, there.tried)
		}
	})
}

// late gives a connection even after it was told to stop.
type late struct {
	net.Conn
	closed chan struct{}
}

func (l late) Close() error {
	close(l.closed)
	return l.Conn.Close()
}

func TestConnectionThatLostIsClosed(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		closed := make(chan struct{})
		there := &network{at: map[string]answer{
			"9.9.9.1": serves(0, fine),
			"9.9.9.2": func(ctx context.Context, _ *sync.WaitGroup) (net.Conn, error) {
				<-ctx.Done()
				ours, _ := net.Pipe()
				return late{ours, closed}, nil
			},
		}}
		expectStatus(t, get(t, over(t, there, egress.Options{}, "9.9.9.2", "9.9.9.1"), "http://receiver.example.com/"), http.StatusOK)
		<-closed
	})
}

// Whose failure it is that nothing can be reached.
func TestNoRoute(t *testing.T) {
	t.Parallel()
	noRoute, refused := fails("connect", syscall.ENETUNREACH), fails("connect", syscall.ECONNREFUSED)
	routed := func(context.Context, *sync.WaitGroup) (net.Conn, error) {
		ours, _ := net.Pipe()
		return ours, nil
	}
	type replies = map[string]answer
	for name, test := range map[string]struct {
		addrs, interfaces []string
		at                replies
		kind              egress.Kind
		code              string
	}{
		"this host is off the network": {
			[]string{"9.9.9.1", "2a00::1"},
			[]string{"192.168.1.2", "2a00::2"},
			replies{"9.9.9.1": noRoute, "udp 9.9.9.1": noRoute, "2a00::1": noRoute, "udp 2a00::1": noRoute},
			egress.Infrastructure, egress.CodeNoRoute,
		},
		"and has been since it started": {
			[]string{"9.9.9.1"},
			[]string{"127.0.0.1", "::1", "fe80::1"},
			replies{"9.9.9.1": noRoute, "udp 9.9.9.1": noRoute},
			egress.Infrastructure, egress.CodeNoRoute,
		},
		"a router says so": {
			[]string{"9.9.9.1"},
			[]string{"192.168.1.2"},
			replies{"9.9.9.1": noRoute, "udp 9.9.9.1": routed},
			egress.Failed, egress.CodeConnectUnreachable,
		},
		"no IPv6 here": {
			[]string{"2a00::1"},
			[]string{"192.168.1.2", "fe80::1"},
			replies{"2a00::1": fails("connect", syscall.EADDRNOTAVAIL), "udp 2a00::1": noRoute},
			egress.Failed, egress.CodeFamily,
		},
		"IPv6 in the private network alone": {
			[]string{"2a00::1"},
			[]string{"192.168.1.2", "fd12::2", "fe80::1"},
			replies{"2a00::1": noRoute, "udp 2a00::1": noRoute},
			egress.Failed, egress.CodeFamily,
		},
		"no IPv6 here, and IPv4 is off": {
			[]string{"2a00::1", "9.9.9.1"},
			[]string{"192.168.1.2"},
			replies{"2a00::1": noRoute, "udp 2a00::1": noRoute, "9.9.9.1": noRoute, "udp 9.9.9.1": noRoute},
			egress.Infrastructure, egress.CodeNoRoute,
		},
		"no IPv6 here, and IPv4 refuses": {
			[]string{"2a00::1", "9.9.9.1"},
			[]string{"192.168.1.2", "2a00::2"},
			replies{"2a00::1": noRoute, "udp 2a00::1": noRoute, "9.9.9.1": refused},
			egress.Failed, egress.CodeConnectRefused,
		},
		"no ports left": {
			[]string{"9.9.9.1"},
			[]string{"192.168.1.2"},
			replies{"9.9.9.1": fails("connect", syscall.EADDRNOTAVAIL), "udp 9.9.9.1": routed},
			egress.Infrastructure, egress.CodeExhausted,
		},
		"no descriptors left": {
			[]string{"9.9.9.1", "2a00::1"},
			[]string{"192.168.1.2"},
			replies{"9.9.9.1": fails("socket", syscall.EMFILE), "2a00::1": fails("socket", syscall.EMFILE)},
			egress.Infrastructure, egress.CodeExhausted,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there := &network{at: test.at}
			client := over(t, there, egress.Options{Interfaces: host(test.interfaces...)}, test.addrs...)
			expectFailure(t, get(t, client, "http://receiver.example.com/"), test.kind, test.code)
		})
	}
}
