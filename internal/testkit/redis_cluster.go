package testkit

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

// clusterMasters share the slots of a Cluster.
const clusterMasters = 3

// slots of every Redis Cluster.
const slots = 16384

// ClusterRedis is a Redis Cluster of three masters.
type ClusterRedis struct {
	t       testing.TB
	masters []*Redis
	nodes   []*Redis // replicas too
	options []string
}

// StartCluster starts three masters, without replicas, and waits until they
// serve all slots. More command line options, if there are any, are every
// node's.
func StartCluster(t testing.TB, options ...string) *ClusterRedis {
	t.Helper()
	c := &ClusterRedis{t: t, options: append([]string{
		"--cluster-enabled", "yes", "--cluster-config-file", "nodes.conf",
		"--cluster-node-timeout", "1000", "--repl-diskless-sync-delay", "0",
	}, options...)}
	for range clusterMasters {
		c.masters = append(c.masters, StartRedis(t, c.options...))
	}
	c.nodes = append(c.nodes, c.masters...)
	for i, master := range c.masters {
		client := master.Client()
		c.must(client.Do(t.Context(), "cluster", "set-config-epoch", i+1).Err())
		c.must(client.ClusterAddSlotsRange(t.Context(), i*slots/clusterMasters, (i+1)*slots/clusterMasters-1).Err())
		c.meet(client)
	}
	c.waitUntilWhole()
	return c
}

func (c *ClusterRedis) meet(client *redis.Client) {
	c.t.Helper()
	host, port, err := net.SplitHostPort(c.masters[0].Addr)
	c.must(err)
	c.must(client.ClusterMeet(c.t.Context(), host, port).Err())
}

// waitUntilWhole waits until every node that runs knows every other one, and
// that all slots are served.
func (c *ClusterRedis) waitUntilWhole() {
	c.t.Helper()
	for _, node := range c.nodes {
		client := node.Client()
		Eventually(c.t, "the Cluster is whole", func() bool {
			info := client.ClusterInfo(c.t.Context()).Val()
			return strings.Contains(info, "cluster_state:ok") && // without full coverage, it is before all slots are known
				strings.Contains(info, fmt.Sprintf("cluster_slots_ok:%d\r", slots)) && len(c.known(client)) == len(c.nodes)
		})
	}
}

// known are the lines in which a node lists those it has shaken hands with.
func (c *ClusterRedis) known(client *redis.Client) []string {
	var known []string
	for line := range strings.Lines(client.ClusterNodes(c.t.Context()).Val()) {
		if !strings.Contains(line, "handshake") {
			known = append(known, line)
		}
	}
	return known
}

// AddReplica starts a replica of a master, counted from 0, and waits until it
// is in step.
func (c *ClusterRedis) AddReplica(of int) {
	c.t.Helper()
	replica := StartRedis(c.t, c.options...)
	c.nodes = append(c.nodes, replica)
	client := replica.Client()
	c.meet(client)
	c.waitUntilWhole()
	id := c.masters[of].Client().ClusterMyID(c.t.Context())
	c.must(id.Err())
	c.must(client.ClusterReplicate(c.t.Context(), id.Val()).Err())
	for _, node := range c.nodes {
		other := node.Client()
		Eventually(c.t, "the replica is in step, and known", func() bool {
			return strings.Contains(client.Info(c.t.Context(), "replication").Val(), "master_link_status:up") &&
				strings.Contains(strings.Join(c.known(other), ""), "slave "+id.Val())
		})
	}
}

// Kill ends a master, counted from 0, as a power cut would, and returns it.
func (c *ClusterRedis) Kill(master int) *Redis {
	c.masters[master].Stop()
	return c.masters[master]
}

// Master is one of the three, counted from 0.
func (c *ClusterRedis) Master(of int) *Redis { return c.masters[of] }

// URL names all three masters.
func (c *ClusterRedis) URL() string {
	var hosts []string
	for _, master := range c.masters {
		hosts = append(hosts, master.Addr)
	}
	return "redis-cluster://" + strings.Join(hosts, ",")
}

// Wipe empties the masters.
func (c *ClusterRedis) Wipe() {
	c.t.Helper()
	for _, master := range c.masters {
		master.Wipe()
	}
}

func (c *ClusterRedis) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}
