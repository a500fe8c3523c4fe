package task

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// State is what an operator should know of the Redis behind the queue.
type State struct {
	Kind      Kind
	Nodes     []Node // the one, the master of the Sentinels, or every master of a Cluster
	Uncovered int    // slots of a Cluster that no master serves
	// NoQuorum is what the Sentinels answer when they could not fail over.
	NoQuorum string
}

// Node is a Redis that takes writes.
type Node struct {
	Address  string
	Version  string
	AOF      bool   // it writes every command to disk
	Evicts   string // the policy by which it drops keys when its memory is full; empty for none
	Replicas int    // connected now

	mode, role string
}

// Risk is something that works today and will cost one day.
type Risk struct {
	Name   string // of what is at fault
	Detail string // what is at risk
	Remedy string
}

// Describe asks the Redis for what an operator should know of it. Of the
// embedded one there is nothing to know.
func (q *Queue) Describe(ctx context.Context) (State, error) {
	if q.describe == nil {
		return State{Kind: Embedded}, nil
	}
	return q.describe(ctx)
}

func (c connection) describe(ctx context.Context) (State, error) {
	nodes, err := c.nodes(ctx)
	if err != nil {
		return State{}, fmt.Errorf("ask Redis for its state: %w", err)
	}
	state := State{Kind: c.kind, Nodes: nodes}
	switch c.kind {
	case Cluster:
		state.Uncovered, err = c.uncovered(ctx)
	case Sentinel:
		state.NoQuorum, err = c.noQuorum(ctx)
	default:
	}
	if err != nil {
		return State{}, fmt.Errorf("ask Redis for its state: %w", err)
	}
	return state, nil
}

// nodes describes every master, in the order of their addresses.
func (c connection) nodes(ctx context.Context) ([]Node, error) {
	var mu sync.Mutex
	var nodes []Node
	err := c.masters(ctx, func(ctx context.Context, client *redis.Client) error {
		info, err := client.Info(ctx).Result()
		if err != nil {
			return err //nolint:wrapcheck // the callers say what they ask for
		}
		node := readNode(info)
		if node.Address = client.Options().Addr; c.kind == Sentinel {
			node.Address = c.where()
		}
		mu.Lock()
		defer mu.Unlock()
		nodes = append(nodes, node)
		return nil
	})
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.Address, b.Address) })
	return nodes, err
}

func readNode(info string) Node {
	node := Node{
		Version: field(info, "redis_version"),
		AOF:     field(info, "aof_enabled") == "1",
		mode:    field(info, "redis_mode"),
		role:    field(info, "role"),
	}
	node.Replicas, _ = strconv.Atoi(field(info, "connected_slaves"))
	if policy := field(info, "maxmemory_policy"); field(info, "maxmemory") != "0" && policy != "noeviction" {
		node.Evicts = policy
	}
	return node
}

func field(info, name string) string {
	for line := range strings.Lines(info) {
		if value, ok := strings.CutPrefix(strings.TrimSpace(line), name+":"); ok {
			return value
		}
	}
	return ""
}

// slots of every Redis Cluster.
const slots = 16384

// uncovered asks every master: one that gave slots up may be alone to know.
func (c connection) uncovered(ctx context.Context) (int, error) {
	var mu sync.Mutex
	most := 0
	err := c.masters(ctx, func(ctx context.Context, client *redis.Client) error {
		info, err := client.ClusterInfo(ctx).Result()
		if err != nil {
			return err //nolint:wrapcheck // describe says what it asks for
		}
		served, err := strconv.Atoi(field(info, "cluster_slots_ok"))
		if err != nil {
			return fmt.Errorf("read number of slots: %w", err)
		}
		mu.Lock()
		defer mu.Unlock()
		most = max(most, slots-served)
		return nil
	})
	return most, err
}

// noQuorum asks the Sentinels, in turn, whether they could fail over.
func (c connection) noQuorum(ctx context.Context) (string, error) {
	var lastErr error
	for _, host := range c.hosts {
		sentinel := redis.NewSentinelClient(&redis.Options{
			Addr: host, Username: c.sentinelUser, Password: c.sentinelPassword, TLSConfig: c.tls, MaxRetries: -1,
		})
		_, err := sentinel.CkQuorum(ctx, c.master).Result()
		_ = sentinel.Close()
		switch {
		case err == nil:
			return "", nil
		case redis.HasErrorPrefix(err, "NOQUORUM"):
			return err.Error(), nil
		default:
			lastErr = err
		}
	}
	return "", lastErr
}

// String says in a line what was found.
func (s State) String() string {
	if len(s.Nodes) == 0 {
		return string(s.Kind)
	}
	versions := make([]string, 0, len(s.Nodes))
	replicas := 0
	for _, node := range s.Nodes {
		versions = append(versions, node.Version)
		replicas += node.Replicas
	}
	slices.Sort(versions)
	version := strings.Join(slices.Compact(versions), ", ")
	spare := fmt.Sprintf("%d replicas", replicas)
	if replicas == 1 {
		spare = "1 replica"
	}
	switch s.Kind {
	case Cluster:
		return fmt.Sprintf("version %s answers: a Cluster of %d masters with %s", version, len(s.Nodes), spare)
	case Sentinel:
		return fmt.Sprintf("version %s answers: a master with %s, found through Sentinel", version, spare)
	default:
		return fmt.Sprintf("version %s answers", version)
	}
}

// Risks says what the state puts at risk, and the way out. Nothing that was
// accepted over HTTP is ever at risk: the ledger has it.
func (s State) Risks() []Risk {
	var risks []Risk
	add := func(name, remedy, detail string, at []string) {
		if len(at) > 0 {
			risks = append(risks, Risk{Name: "redis " + name, Detail: fmt.Sprintf(detail, strings.Join(at, ", ")), Remedy: remedy})
		}
	}
	add("persistence", "set appendonly yes in redis.conf",
		"appendonly is off at %s: after a crash it starts empty or with old tasks. Waiting deliveries are queued again from the ledger; "+
			"events that producers put into Redis, and that no worker had accepted, are lost",
		s.at(func(n Node) bool { return !n.AOF }))
	add("eviction", "set maxmemory-policy noeviction in redis.conf",
		"tasks may be evicted when memory is full at %s. Deliveries then wait until the ledger queues them again; "+
			"events that producers put into Redis, and that no worker had accepted, are lost",
		s.at(func(n Node) bool { return n.Evicts != "" }))
	if s.Kind == Sentinel || s.Kind == Cluster {
		add("replicas", "give every master a replica",
			"no replica is connected to %s: when it fails nothing takes its place, and deliveries wait until it is back",
			s.at(func(n Node) bool { return n.Replicas == 0 }))
	}
	if s.NoQuorum != "" {
		add("sentinels", "start the Sentinels that are missing; a failover needs more than half of them and their quorum",
			"the Sentinels could not fail over (%s): when the master fails, deliveries wait until it is back", []string{s.NoQuorum})
	}
	if s.Uncovered > 0 {
		add("slots", "look with redis-cli --cluster check, and repair with redis-cli --cluster fix",
			"%s slots of the Cluster are served by no master: until they are, no delivery is queued, or none on these slots",
			[]string{fmt.Sprintf("%d of %d", s.Uncovered, slots)})
	}
	return risks
}

// at are the addresses of the nodes that a condition holds for.
func (s State) at(condition func(Node) bool) []string {
	var addresses []string
	for _, node := range s.Nodes {
		if condition(node) {
			addresses = append(addresses, node.Address)
		}
	}
	return addresses
}
