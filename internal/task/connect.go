package task

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	// outagePause keeps servers from spinning while Redis is away.
	outagePause = 100 * time.Millisecond
	// topologyInterval is how soon a Cluster's new master is known when the old
	// one is dead: it cannot say who follows it.
	topologyInterval = time.Second
	// clusterStreams keep commands apart by where their keys are, so that a
	// master that does not answer holds up few commands for the others.
	clusterStreams = 16
)

// connection is a client, and how to reach the masters behind it.
type connection struct {
	address
	tls    *tls.Config
	client redis.UniversalClient
}

// connect makes the client. Nothing is sent yet.
//
// No command that may have run is sent again unseen. An enqueue that is
// repeated after its task was taken and done would queue it once more; one
// that fails is repaired by requeueing, whose task asks the ledger first.
func (a address) connect() (connection, error) {
	secure, err := a.tlsConfig()
	if err != nil {
		return connection{}, err
	}
	c := connection{address: a, tls: secure}
	switch a.kind {
	case Sentinel:
		c.client = redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: a.master, SentinelAddrs: a.hosts,
			SentinelUsername: a.sentinelUser, SentinelPassword: a.sentinelPassword,
			Username: a.user, Password: a.password, DB: a.db, TLSConfig: secure, MaxRetries: -1,
		})
	case Cluster:
		c.client = redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: a.hosts, Username: a.user, Password: a.password, TLSConfig: secure,
			ClusterStateReloadInterval: topologyInterval,
		})
	default:
		c.client = redis.NewClient(&redis.Options{
			Addr: a.hosts[0], Username: a.user, Password: a.password, DB: a.db, TLSConfig: secure, MaxRetries: -1,
		})
	}
	c.client.AddHook(outageHook{pause: outagePause})
	if a.kind == Cluster {
		c.client.AddHook(onceHook{})
	}
	return c, nil
}

// topology says how the lanes are spread. Twice the shards on a Cluster take as
// many servers as on one Redis, and reach every master of the usual three.
func (a address) topology() topology {
	if a.kind == Cluster {
		return topology{shards: 8, servers: 1, cluster: true}
	}
	return topology{shards: 4, servers: mostServers}
}

// pipeline lets concurrent commands share round trips.
func (c connection) pipeline() (*redis.AutoPipeliner, error) {
	options := &redis.AutoPipelineOptions{MaxBatchSize: 300, MaxConcurrentBatches: 4, Unordered: true}
	if c.kind == Cluster {
		options.NumShards = clusterStreams
	}
	return c.client.AutoPipelineWithOptions(options) //nolint:wrapcheck // Open says what it sets up
}

// masters calls visit for each node that takes writes, of a Cluster for several
// at once.
func (c connection) masters(ctx context.Context, visit func(context.Context, *redis.Client) error) error {
	switch client := c.client.(type) {
	case *redis.ClusterClient:
		return client.ForEachMaster(ctx, visit) //nolint:wrapcheck // the error is visit's own
	case *redis.Client:
		return visit(ctx, client)
	default:
		return nil
	}
}

// where names the Redis in messages, without user and password.
func (c connection) where() string {
	hosts := strings.Join(c.hosts, ", ")
	if c.kind == Sentinel {
		return "the master " + c.master + " of the Sentinels at " + hosts
	}
	return hosts
}

// tlsConfig is nil when the URL asks for none.
func (a address) tlsConfig() (*tls.Config, error) {
	if !a.secure {
		return nil, nil //nolint:nilnil // no TLS, and nothing is wrong
	}
	secure := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		InsecureSkipVerify: a.skipVerify, //nolint:gosec // the operator asked for it, by name
	}
	if a.caFile != "" {
		text, err := os.ReadFile(a.caFile)
		if err != nil {
			return nil, malformed("cannot read ca_file: %s", err)
		}
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(text) {
			return nil, malformed("ca_file %s holds no certificate in PEM form", a.caFile)
		}
	}
	if a.certFile != "" {
		pair, err := tls.LoadX509KeyPair(a.certFile, a.keyFile)
		if err != nil {
			return nil, malformed("cannot use cert_file and key_file: %s", err)
		}
		secure.Certificates = []tls.Certificate{pair}
	}
	return secure, nil
}

// onceHook keeps a Cluster's client from repeating scripts whose connection
// broke: they may have run. Redirections to another node are still followed,
// for what was redirected did not run.
type onceHook struct{}

// once is a command that is sent once.
type once struct{ redis.Cmder }

// NoRetry is what the client asks.
func (once) NoRetry() bool { return true }

// DialHook leaves dialling as it is.
func (onceHook) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook marks a single script.
func (onceHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return next(ctx, sendOnce(cmd)) }
}

// ProcessPipelineHook marks the scripts of a pipeline, which is then not
// repeated as a whole.
func (onceHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		marked := make([]redis.Cmder, len(cmds))
		for i, cmd := range cmds {
			marked[i] = sendOnce(cmd)
		}
		return next(ctx, marked)
	}
}

func sendOnce(cmd redis.Cmder) redis.Cmder {
	if cmd.Name() == "evalsha" || cmd.Name() == "eval" {
		return once{cmd}
	}
	return cmd
}
