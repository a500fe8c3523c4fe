package bench

import "time"

// Report is what a run found. Sizes are in bytes, rates in events per second.
type Report struct {
	StartedAt  time.Time  `json:"started_at"`
	Machine    Machine    `json:"machine"`
	Settings   Settings   `json:"settings"`
	Events     Events     `json:"events"`
	Deliveries Deliveries `json:"deliveries"`
	Engine     *Engine    `json:"engine,omitempty"` // absent when its process is unknown
	Redis      *Redis     `json:"redis,omitempty"`  // absent for an embedded or unknown one
	// PostgreSQL is absent for an embedded or unknown ledger.
	PostgreSQL *PostgreSQL `json:"postgresql,omitempty"`
	Bench      Bench       `json:"bench"`
	Waiting    *Waiting    `json:"waiting,omitempty"`
}

// Settings are what was asked for.
type Settings struct {
	Engine      string   `json:"engine"` // "embedded queue", "redis", "postgresql and redis" or "running server"
	Flags       []string `json:"engine_flags,omitempty"`
	Scheme      string   `json:"scheme"`
	Endpoints   int      `json:"endpoints"`
	Batch       int      `json:"batch"`
	Concurrency int      `json:"concurrency"`
	Rate        float64  `json:"rate,omitempty"` // absent: as fast as it goes
	Duration    string   `json:"duration,omitempty"`
	Delay       string   `json:"receiver_delay,omitempty"`
	Verify      bool     `json:"verify,omitempty"`
}

// Events says how the API took the load.
type Events struct {
	Accepted    int     `json:"accepted"`
	Seconds     float64 `json:"seconds"` // from the first request to the last answer
	PerSecond   float64 `json:"per_second"`
	Latency     Latency `json:"latency"`     // of a request, which may hold several events
	Connections int64   `json:"connections"` // opened to the API
}

// Deliveries says what the receiver got.
type Deliveries struct {
	Received   int     `json:"received"` // different ones
	Missing    int     `json:"missing"`
	Repeated   int     `json:"repeated"`
	Forged     int64   `json:"forged"`    // invalid signatures, with --verify
	Strangers  int64   `json:"strangers"` // requests of no event of this run
	Seconds    float64 `json:"seconds"`   // from the first acceptance to the last receipt
	PerSecond  float64 `json:"per_second"`
	FromAnswer Latency `json:"from_answer"` // from the API's answer to the receipt
	// FromRequest is from the request to the API to the receipt.
	FromRequest Latency `json:"from_request"`
	Connections int64   `json:"connections"` // opened to the receiver
}

// Engine says what the engine's process used.
type Engine struct {
	CPUPerDelivery float64 `json:"cpu_us_per_delivery"`
	CPUPercent     float64 `json:"cpu_percent"` // of one core, under load
	IdlePercent    float64 `json:"idle_cpu_percent"`
	Allocations    float64 `json:"allocations_per_delivery,omitempty"` // absent when it does not say
	AllocatedBytes float64 `json:"allocated_bytes_per_delivery,omitempty"`
	StarvedPercent float64 `json:"starved_percent"` // time its threads together waited for a core, under load
	MemoryRest     int64   `json:"memory_at_rest"`
	MemoryPeak     int64   `json:"memory_peak"` // since the process's start
	MemoryAfter    int64   `json:"memory_after"`
	LedgerBytes    int64   `json:"ledger_bytes,omitempty"`
}

// Redis says what the queue's Redis used.
type Redis struct {
	Version        string  `json:"version"`
	Persistence    string  `json:"persistence"`
	CPUPerDelivery float64 `json:"cpu_us_per_delivery"`
	IdlePercent    float64 `json:"idle_cpu_percent"`      // of one core
	Commands       float64 `json:"commands_per_delivery"` // those that scripts call, too
	MemoryRest     int64   `json:"memory_at_rest"`
	MemoryAfter    int64   `json:"memory_after"`
}

// PostgreSQL says what the ledger's server used.
type PostgreSQL struct {
	Version        string  `json:"version"`
	CPUPerDelivery float64 `json:"cpu_us_per_delivery,omitempty"` // absent when its processes are not to be seen
	IdlePercent    float64 `json:"idle_cpu_percent,omitempty"`    // of one core
	WALBytes       float64 `json:"wal_bytes_per_delivery"`
	// Statements and WALRecords are absent where the database lacks pg_stat_statements.
	Statements float64 `json:"statements_per_delivery,omitempty"`
	WALRecords float64 `json:"wal_records_per_delivery,omitempty"`
}

// Bench says what the load and the receiver took from the same machine.
type Bench struct {
	CPUPerDelivery float64 `json:"cpu_us_per_delivery"`
	MemoryPeak     int64   `json:"memory_peak"`
}

// Waiting says what deliveries that wait cost in memory.
type Waiting struct {
	Deliveries    int     `json:"deliveries"`
	How           string  `json:"how"`
	EngineBytes   float64 `json:"engine_bytes_per_delivery"`
	RedisBytes    float64 `json:"redis_bytes_per_delivery,omitempty"`
	EngineGrowth  int64   `json:"engine_growth"`
	RedisGrowth   int64   `json:"redis_growth,omitempty"`
	LedgerBytes   float64 `json:"ledger_bytes_per_delivery,omitempty"`
	LedgerGrowth  int64   `json:"ledger_growth,omitempty"`
	EngineMemory  int64   `json:"engine_memory"`
	EngineAtFirst int64   `json:"engine_memory_before"`
}

func (r *run) settings() Settings {
	s := Settings{
		Engine: "embedded queue", Flags: r.Settings, Scheme: r.Scheme, Endpoints: r.Endpoints,
		Batch: r.Batch, Concurrency: r.Concurrency, Rate: r.Rate, Verify: r.Verify,
	}
	switch {
	case r.Server != "":
		s.Engine = "running server"
	case r.Database != "":
		s.Engine = "postgresql and redis"
	case r.Redis != "":
		s.Engine = "redis"
	}
	if r.Duration > 0 {
		s.Duration = r.Duration.String()
	}
	if r.ReceiverDelay > 0 {
		s.Delay = r.ReceiverDelay.String()
	}
	return s
}

// fill works out the figures.
func (r *run) fill(report *Report, took course) {
	found := r.journal.findings()
	sending := found.lastAccepted - found.firstBegun
	report.Events = Events{
		Accepted: found.accepted, Seconds: sending.Seconds(), PerSecond: perSecond(found.accepted, sending),
		Latency: LatencyOf(found.api), Connections: r.connections.Load(),
	}
	delivering := max(0, found.lastReceived-found.firstAccepted)
	report.Deliveries = Deliveries{
		Received: found.received, Missing: found.accepted - found.received, Repeated: found.repeated,
		Forged: r.sink.forged.Load(), Strangers: r.sink.strangers.Load(),
		Seconds: delivering.Seconds(), PerSecond: perSecond(found.received, delivering),
		FromAnswer: LatencyOf(found.delivery), FromRequest: LatencyOf(found.total), Connections: r.sink.server.Stats().Opened,
	}
	count := found.received
	if r.Waiting {
		count = found.accepted
	}
	report.Engine, report.Redis, report.PostgreSQL = took.engine(count), took.redis(count), took.postgresql(count)
	report.Bench = Bench{
		CPUPerDelivery: share(microseconds(took.end.bench.cpu-took.begin.bench.cpu), count),
		MemoryPeak:     took.end.bench.peak,
	}
	if r.Waiting {
		report.Deliveries.Missing = 0 // they wait, as they should
		report.Waiting = took.waiting(count)
		report.Waiting.How = "paused"
		if r.ReceiverDown {
			report.Waiting.How = "receiver answers 503"
		}
	}
}

func (c course) engine(deliveries int) *Engine {
	if c.idle.engine == nil || c.begin.engine == nil || c.end.engine == nil || c.after.engine == nil {
		return nil
	}
	return &Engine{
		CPUPerDelivery: share(microseconds(c.end.engine.cpu-c.begin.engine.cpu), deliveries),
		CPUPercent:     percent(c.end.engine.cpu-c.begin.engine.cpu, c.end.at-c.begin.at),
		IdlePercent:    percent(c.begin.engine.cpu-c.idle.engine.cpu, c.begin.at-c.idle.at),
		Allocations:    share(c.end.made.objects-c.begin.made.objects, deliveries),
		AllocatedBytes: share(c.end.made.bytes-c.begin.made.bytes, deliveries),
		StarvedPercent: percent(c.end.engine.starved-c.begin.engine.starved, c.end.at-c.begin.at),
		MemoryRest:     c.begin.engine.rss,
		MemoryPeak:     c.after.engine.peak,
		MemoryAfter:    c.after.engine.rss,
		LedgerBytes:    c.after.ledger,
	}
}

func (c course) redis(deliveries int) *Redis {
	if c.idle.queue == nil || c.begin.queue == nil || c.end.queue == nil || c.after.queue == nil {
		return nil
	}
	return &Redis{
		Version: c.after.queue.version, Persistence: c.after.queue.persistence,
		CPUPerDelivery: share(microseconds(c.end.queue.cpu-c.begin.queue.cpu), deliveries),
		IdlePercent:    percent(c.begin.queue.cpu-c.idle.queue.cpu, c.begin.at-c.idle.at),
		Commands:       share(float64(c.end.queue.commands-c.begin.queue.commands), deliveries),
		MemoryRest:     c.begin.queue.memory, MemoryAfter: c.after.queue.memory,
	}
}

func (c course) postgresql(deliveries int) *PostgreSQL {
	if c.idle.database == nil || c.begin.database == nil || c.end.database == nil {
		return nil
	}
	return &PostgreSQL{
		Version:        c.end.database.version,
		CPUPerDelivery: share(microseconds(c.end.database.cpu-c.begin.database.cpu), deliveries),
		IdlePercent:    percent(c.begin.database.cpu-c.idle.database.cpu, c.begin.at-c.idle.at),
		WALBytes:       share(float64(c.end.database.wal-c.begin.database.wal), deliveries),
		Statements:     share(float64(c.end.database.statements-c.begin.database.statements), deliveries),
		WALRecords:     share(float64(c.end.database.records-c.begin.database.records), deliveries),
	}
}

func (c course) waiting(deliveries int) *Waiting {
	found := &Waiting{Deliveries: deliveries, LedgerGrowth: c.after.ledger - c.begin.ledger}
	found.LedgerBytes = share(float64(found.LedgerGrowth), deliveries)
	if engine := c.engine(deliveries); engine != nil {
		found.EngineAtFirst, found.EngineMemory = engine.MemoryRest, engine.MemoryAfter
		found.EngineGrowth = engine.MemoryAfter - engine.MemoryRest
		found.EngineBytes = share(float64(found.EngineGrowth), deliveries)
	}
	if redis := c.redis(deliveries); redis != nil {
		found.RedisGrowth = redis.MemoryAfter - redis.MemoryRest
		found.RedisBytes = share(float64(found.RedisGrowth), deliveries)
	}
	return found
}

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

// percent is a part of a time, of one core.
func percent(part, of time.Duration) float64 {
	if of <= 0 {
		return 0
	}
	return share(float64(part)*100, int(of))
}
