package testkit

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/redis/go-redis/v9"
)

const (
	masterName = "waybill"
	// downAfter is how long a master must be silent for its Sentinels to fail
	// over, in milliseconds.
	downAfter = 1000
)

// SentinelRedis is a master with one replica, and three Sentinels that watch
// them: five processes.
type SentinelRedis struct {
	t         testing.TB
	data      []*Redis
	sentinels []*Redis
}

// StartSentinel starts them and waits until a failover would work. More command
// line options, if there are any, are the master's and the replica's.
func StartSentinel(t testing.TB, options ...string) *SentinelRedis {
	t.Helper()
	s := &SentinelRedis{t: t}
	// A replica is not to wait for others before it is filled.
	options = append([]string{"--repl-diskless-sync-delay", "0"}, options...)
	s.data = []*Redis{StartRedis(t, options...)}
	s.data = append(s.data, StartRedis(t, append([]string{"--replicaof", strings.ReplaceAll(s.data[0].Addr, ":", " ")}, options...)...))
	s.waitForReplica(s.data[0])
	for range 3 {
		s.sentinels = append(s.sentinels, startSentinel(t, s.data[0].Addr))
	}
	for _, sentinel := range s.sentinels {
		s.waitUntilReady(sentinel)
	}
	return s
}

// startSentinel starts one, which finds the others through the master.
func startSentinel(t testing.TB, master string) *Redis {
	t.Helper()
	path := filepath.Join(t.TempDir(), "sentinel.conf")
	text := strings.Join([]string{
		fmt.Sprintf("sentinel monitor %s %s 2", masterName, strings.ReplaceAll(master, ":", " ")),
		fmt.Sprintf("sentinel down-after-milliseconds %s %d", masterName, downAfter),
		fmt.Sprintf("sentinel failover-timeout %s %d", masterName, 5*downAfter), // and tried again after twice as long
		"",
	}, "\n")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r := &Redis{t: t}
	r.start(func(port string) []string { return []string{path, "--sentinel", "--port", port} })
	return r
}

func (s *SentinelRedis) waitForReplica(master *Redis) {
	s.t.Helper()
	client := master.Client()
	Eventually(s.t, "the replica is in step", func() bool {
		return strings.Contains(client.Info(s.t.Context(), "replication").Val(), "state=online")
	})
}

// waitUntilReady waits until a Sentinel knows the others and a replica.
func (s *SentinelRedis) waitUntilReady(sentinel *Redis) {
	s.t.Helper()
	client := s.client(sentinel)
	Eventually(s.t, "the Sentinels could fail over", func() bool {
		return client.CkQuorum(s.t.Context(), masterName).Err() == nil &&
			len(client.Sentinels(s.t.Context(), masterName).Val()) == 2 &&
			s.usableReplicas(client) == 1
	})
}

func (s *SentinelRedis) usableReplicas(client *redis.SentinelClient) int {
	usable := 0
	for _, replica := range client.Replicas(s.t.Context(), masterName).Val() {
		if replica["flags"] == "slave" && replica["master-link-status"] == "ok" {
			usable++
		}
	}
	return usable
}

func (s *SentinelRedis) client(sentinel *Redis) *redis.SentinelClient {
	client := redis.NewSentinelClient(&redis.Options{Addr: sentinel.Addr})
	s.t.Cleanup(func() { _ = client.Close() })
	return client
}

// URL names all three Sentinels.
func (s *SentinelRedis) URL() string {
	var hosts []string
	for _, sentinel := range s.sentinels {
		hosts = append(hosts, sentinel.Addr)
	}
	return "redis-sentinel://" + strings.Join(hosts, ",") + "/0?master=" + masterName
}

// Master is the server that the Sentinels name as the master now.
func (s *SentinelRedis) Master() *Redis {
	s.t.Helper()
	var found *Redis
	Eventually(s.t, "the Sentinels name a master", func() bool {
		addr := s.client(s.sentinels[0]).GetMasterAddrByName(s.t.Context(), masterName).Val()
		for _, one := range s.data {
			if strings.Join(addr, ":") == one.Addr {
				found = one
			}
		}
		return found != nil
	})
	return found
}

// KillMaster ends the master as a power cut would, and returns it. The other
// server takes its place a few seconds later.
func (s *SentinelRedis) KillMaster() *Redis {
	s.t.Helper()
	master := s.Master()
	master.Stop()
	return master
}

// Failover orders the Sentinels to make the replica the master, while the old
// one lives, and waits until they have.
func (s *SentinelRedis) Failover() {
	s.t.Helper()
	old := s.Master()
	if err := s.client(s.sentinels[0]).Failover(s.t.Context(), masterName).Err(); err != nil {
		s.t.Fatal(err)
	}
	Eventually(s.t, "the replica is the master", func() bool { return s.Master() != old })
}

// Replica is the server that is not the master.
func (s *SentinelRedis) Replica() *Redis {
	s.t.Helper()
	if s.Master() == s.data[0] {
		return s.data[1]
	}
	return s.data[0]
}

// StopReplica ends the replica.
func (s *SentinelRedis) StopReplica() {
	s.t.Helper()
	s.Replica().Stop()
}

// StopSentinels ends so many of the Sentinels.
func (s *SentinelRedis) StopSentinels(count int) {
	for _, sentinel := range s.sentinels[:count] {
		sentinel.Stop()
	}
}

// Wipe empties the master.
func (s *SentinelRedis) Wipe() {
	s.t.Helper()
	s.Master().Wipe()
}
