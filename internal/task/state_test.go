package task_test

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/internal/task"
	"github.com/waybillhq/waybill/internal/testkit"
)

func TestRisksOfOneRedis(t *testing.T) {
	t.Parallel()
	const persistence, eviction = "redis persistence", "redis eviction"
	tests := []struct {
		name    string
		options []string
		want    []string
	}{
		{"careless", nil, []string{persistence}},
		{"careful", []string{"--appendonly", "yes"}, nil},
		{"evicts", []string{"--maxmemory", "100mb", "--maxmemory-policy", "allkeys-lru"}, []string{persistence, eviction}},
		{"refuses when full", []string{"--maxmemory", "100mb", "--maxmemory-policy", "noeviction"}, []string{persistence}},
		{"never full", []string{"--maxmemory-policy", "allkeys-lru"}, []string{persistence}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			redis := testkit.StartRedis(t, tt.options...)
			state := describe(t, open(t, redis))
			expectRisks(t, state, tt.want...)
			for _, risk := range state.Risks() {
				if !strings.Contains(risk.Detail, redis.Addr) || !strings.Contains(risk.Remedy, "redis.conf") {
					t.Errorf("got %+v, want the address and a remedy", risk)
				}
			}
		})
	}
}

func TestTheEmbeddedQueueHasNoRisks(t *testing.T) {
	t.Parallel()
	state := describe(t, closing(t, task.OpenEmbedded(), nil))
	expectRisks(t, state)
	if state.String() != "embedded" {
		t.Errorf("got %q", state)
	}
}

func TestRisksOfSentinel(t *testing.T) {
	t.Parallel()
	redis := testkit.StartSentinel(t, "--appendonly", "yes")
	queue, err := task.Open(t.Context(), redis.URL())
	closing(t, queue, err)
	state := describe(t, queue)
	expectRisks(t, state)
	if !strings.Contains(state.String(), "a master with 1 replica,") {
		t.Errorf("got %q", state)
	}
	redis.StopReplica()
	redis.StopSentinels(2)
	testkit.Eventually(t, "the missing replica and Sentinels are noticed", func() bool {
		return slices.Equal(names(describe(t, queue)), []string{"redis replicas", "redis sentinels"})
	})
}

func TestRisksOfACluster(t *testing.T) {
	t.Parallel()
	redis := testkit.StartCluster(t, "--appendonly", "yes", "--cluster-require-full-coverage", "no",
		"--cluster-node-timeout", "60000") // a busy machine fails no master
	queue, err := task.Open(t.Context(), redis.URL())
	closing(t, queue, err)
	state := describe(t, queue)
	expectRisks(t, state, "redis replicas")
	if len(state.Nodes) != 3 || !strings.Contains(state.Risks()[0].Detail, redis.Master(1).Addr) {
		t.Errorf("got %+v, want three masters, each named", state)
	}
	if err := redis.Master(0).Client().ClusterDelSlotsRange(t.Context(), 0, 9).Err(); err != nil {
		t.Fatal(err)
	}
	testkit.Eventually(t, "the slots that nobody serves are noticed", func() bool {
		return describe(t, queue).Uncovered == 10
	})
	expectRisks(t, describe(t, queue), "redis replicas", "redis slots")
}

// A Redis of another kind than the URL says cannot serve.
func TestOpenRefusesAnotherKind(t *testing.T) {
	t.Parallel()
	single, cluster, sentinel := testkit.StartRedis(t), testkit.StartCluster(t), testkit.StartSentinel(t)
	_, sentinels, _ := strings.Cut(sentinel.URL(), "://")
	oneSentinel, _, _ := strings.Cut(sentinels, ",")
	for name, tt := range map[string]struct{ url, says string }{
		"a node of a Cluster":  {cluster.Master(0).URL(), "redis-cluster://"},
		"a Sentinel":           {"redis://" + oneSentinel, "redis-sentinel://"},
		"a replica":            {sentinel.Replica().URL(), "replica"},
		"no Cluster":           {"redis-cluster://" + single.Addr, "not a Cluster"},
		"an unknown master":    {"redis-sentinel://" + oneSentinel + "?master=another", "know no master another"},
		"no Sentinel":          {"redis-sentinel://" + single.Addr + "?master=waybill", "does not answer"},
		"nobody at a Sentinel": {"redis-sentinel://127.0.0.1:1?master=waybill", "connection refused"},
	} {
		if message := expectUnusable(t, tt.url); !strings.Contains(message, tt.says) {
			t.Errorf("%s: the message does not say %q: %s", name, tt.says, message)
		}
	}
}

func TestOpenRefusesTLSItCannotTrust(t *testing.T) {
	t.Parallel()
	redis := testkit.StartRedisTLS(t)
	certificate := url.Values{"cert_file": {redis.CertFile}, "key_file": {redis.KeyFile}}
	unknown := expectUnusable(t, redis.URLWith(certificate))
	if !strings.Contains(unknown, "unknown authority") {
		t.Errorf("without a ca_file: %s", unknown)
	}
	expectUnusable(t, redis.URLWith(url.Values{"ca_file": {redis.CAFile}})) // the server wants one of ours
	expectUnusable(t, "redis://"+redis.Addr)

	certificate.Set("skip_verify", "true")
	queue, err := task.Open(t.Context(), redis.URLWith(certificate))
	closing(t, queue, err)
}

func describe(t *testing.T, queue *task.Queue) task.State {
	t.Helper()
	state, err := queue.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return state
}

func names(state task.State) []string {
	var names []string
	for _, risk := range state.Risks() {
		names = append(names, risk.Name)
	}
	return names
}

func expectRisks(t *testing.T, state task.State, want ...string) {
	t.Helper()
	if got := names(state); !slices.Equal(got, want) {
		t.Errorf("%s: got the risks %q, want %q", state, got, want)
	}
}
