package postgres_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
)

// The history that BenchmarkHistory reads: go test ./store/postgres -run '^$'
// -bench History -timeout 1h -args -history 5000000. With -history-url it is
// made in that database, if that is empty, and left there.
var (
	historySize = flag.Int("history", 100_000, "deliveries of BenchmarkHistory")
	historyURL  = flag.String("history-url", "", "database that BenchmarkHistory uses again")
)

// historyDays is over how many days the history is spread.
const historyDays = 90

// fill is one day's part of a history, made by the server itself. Endpoints and
// types are skewed, as in life: the first endpoint has 1.7 % of all, and
// one type of event in ten thousand is exchange.refunded. Of 1,000 deliveries 20
// are dead, 5 cancelled, 3 retrying, 2 parked, and the rest succeeded.
const fill = `
WITH n AS (
	SELECT i, $1::timestamptz + i * ($2::interval / $3::int) AS at, $4::bigint + i AS serial FROM generate_series(0, $3::int - 1) i),
picked AS (
	SELECT i, at, serial, 'tx-' || serial AS event_id, md5(serial::text) AS hash,
		floor(200 * power((serial * 0.6180339887498949) % 1, 1.3))::int AS e, serial % 1000 AS luck FROM n),
made AS (
	SELECT *, lpad(to_hex((extract(epoch FROM at) * 1000)::bigint), 12, '0') || '7'
			|| lpad(to_hex((extract(microseconds FROM at)::bigint % 1000) * 4096 / 1000), 3, '0') || '8' || substr(hash, 1, 15) AS digits,
		CASE WHEN serial % 10000 = 77 THEN 'exchange.refunded' ELSE (ARRAY['conversion.completed', 'conversion.completed', 'conversion.completed',
			'conversion.screenout', 'conversion.reversed', 'exchange.waiting', 'exchange.sending', 'exchange.finished'])[1 + serial % 8] END AS type,
		'pub_' || lpad((e / 4)::text, 2, '0') AS publisher, 'ep_' || lpad(e::text, 3, '0') AS endpoint_id,
		CASE WHEN luck < 20 THEN 'dead' WHEN luck < 25 THEN 'cancelled' WHEN luck < 28 THEN 'retrying' WHEN luck < 30 THEN 'parked' ELSE 'succeeded' END AS state,
		CASE WHEN luck < 14 THEN 500 WHEN luck < 18 THEN 404 WHEN luck < 20 THEN 0 WHEN luck < 25 THEN 0 WHEN luck < 28 THEN 503 WHEN luck < 30 THEN 0 ELSE 200 END AS code
	FROM picked),
ids AS (
	INSERT INTO event_ids (id, accepted_at, deliveries) SELECT event_id, at, ARRAY['dlv_' || digits] FROM made RETURNING id, seq),
events AS (
	INSERT INTO events (id, seq, type, publisher, data, accepted_at, digest, traceparent, test, rejection, unmatched)
	SELECT m.event_id, ids.seq, m.type, m.publisher, convert_to('{"tx":"' || m.event_id || '","user_id":"' || substr(m.hash, 1, 12) || '","payout":1.50,"offer":"survey ' || m.e || '"}', 'UTF8'),
		m.at, decode(m.hash || m.hash, 'hex'), '', false, '', false FROM made m JOIN ids ON ids.id = m.event_id),
waits AS (
	INSERT INTO waiting (endpoint_id, id, publisher, event_type, state, reason, next_attempt_at, sweep_at, bytes, code)
	SELECT endpoint_id, 'dlv_' || digits, publisher, type, state, CASE state WHEN 'parked' THEN 'paused' ELSE '' END,
		CASE state WHEN 'retrying' THEN now() + interval '1 day' END, CASE state WHEN 'retrying' THEN now() + interval '1 day' END, 90, code
	FROM made WHERE state IN ('retrying', 'parked')),
attempts AS (
	INSERT INTO attempts (delivery_id, generation, number, trigger, started_at, duration, outcome, status_code, error_code, error_message,
		request, response, response_body, source_ip, trace_id, secret_version)
	SELECT 'dlv_' || digits, 1, 1, 'event', at + interval '4 milliseconds', 3000000, CASE code WHEN 200 THEN 'succeeded' ELSE 'failed' END, code,
		CASE code WHEN 200 THEN '' WHEN 0 THEN 'timeout' ELSE 'status_not_200' END, '',
		'{"method":"GET","url":"https://receiver.example.com/postback?tx=' || event_id || '&user_id=' || substr(hash, 1, 12) || '&payout=1.50&verifier=' || hash || hash || '","headers":{"User-Agent":"Waybill/1"}}',
		'{"headers":{"Content-Type":"text/plain","Server":"example"}}', 'OK', '192.0.2.7', hash, 1
	FROM made WHERE luck < 20 OR luck > 24)
INSERT INTO deliveries (id, event_id, event_at, event_seq, event_type, publisher, endpoint_id, reference, state, reason, test, generation, attempts,
	attempts_before, last_status_code, last_error, created_at, opened_at, completed_at)
SELECT 'dlv_' || m.digits, m.event_id, m.at, ids.seq, m.type, m.publisher, m.endpoint_id, m.event_id, m.state,
	CASE m.state WHEN 'dead' THEN 'attempts_exhausted' WHEN 'cancelled' THEN 'endpoint_deleted' WHEN 'parked' THEN 'paused' ELSE '' END, false, 1, 1, 0,
	m.code, CASE m.code WHEN 200 THEN '' WHEN 0 THEN 'timeout' ELSE 'status_not_200' END, m.at, m.at,
	CASE WHEN m.state IN ('dead', 'cancelled', 'succeeded') THEN m.at + interval '8 milliseconds' END
FROM made m JOIN ids ON ids.id = m.event_id`

// history is a ledger with a history of the size that was asked for, up to now.
func history(b *testing.B) (*postgres.Ledger, int, time.Time) {
	b.Helper()
	url := *historyURL
	if url == "" {
		// A server of its own: the shared one is for small databases.
		url = testkit.StartPostgres(b, "shared_buffers=1GB", "max_wal_size=4GB", "maintenance_work_mem=256MB").Database()
	}
	migrate(b, url)
	ledger := open(b, url)
	conn, err := pgx.Connect(b.Context(), url)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = conn.Close(b.Context()) }()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	var there int
	if err := conn.QueryRow(b.Context(), `SELECT count(*) FROM event_ids`).Scan(&there); err != nil {
		b.Fatal(err)
	}
	if there > 0 {
		return ledger, there, today
	}
	start := time.Now()
	first := today.Add(-historyDays * 24 * time.Hour)
	if err := postgres.PrepareDays(b.Context(), ledger, first, today.Add(24*time.Hour)); err != nil {
		b.Fatal(err)
	}
	perDay := *historySize / historyDays
	for day := range historyDays {
		at := first.Add(time.Duration(day) * 24 * time.Hour)
		if _, err := conn.Exec(b.Context(), fill, at, 24*time.Hour, perDay, int64(day)*int64(perDay)); err != nil {
			b.Fatalf("fill day %d: %v", day, err)
		}
	}
	if _, err := conn.Exec(b.Context(), `VACUUM ANALYZE`); err != nil {
		b.Fatal(err)
	}
	_, err = conn.Exec(b.Context(), `INSERT INTO event_types SELECT DISTINCT event_type FROM deliveries WHERE id >= $1 ON CONFLICT DO NOTHING`, "dlv_")
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d deliveries over %d days were made in %s", perDay*historyDays, historyDays, time.Since(start).Round(time.Second))
	return ledger, perDay * historyDays, today
}

// search is a question that an operator asks, with its values drawn anew each
// time.
type search struct {
	name string
	pick func(f *postback.DeliveryFilter, draw draws)
}

// draws are the values that a question may have.
type draws struct {
	endpoint, other string // another publisher's
	publisher       string
	eventID         string
	since, until    time.Time
	today           time.Time
}

func searches() []search {
	type filter = postback.DeliveryFilter
	dead := []postback.State{postback.Dead}
	return []search{
		{"everything", func(*filter, draws) {}},
		{"endpoint", func(f *filter, d draws) { f.EndpointID = d.endpoint }},
		{"publisher", func(f *filter, d draws) { f.Publisher = d.publisher }},
		{"event", func(f *filter, d draws) { f.EventID = d.eventID }},
		{"reference", func(f *filter, d draws) { f.Reference = d.eventID }},
		{"reference that is nowhere", func(f *filter, _ draws) { f.Reference = "nowhere" }},
		{"day", func(f *filter, d draws) { f.Since, f.Until = d.since, d.until }},
		{"dead", func(f *filter, _ draws) { f.States = dead }},
		{"parked", func(f *filter, _ draws) { f.States = []postback.State{postback.Parked} }},
		{"succeeded", func(f *filter, _ draws) { f.States = []postback.State{postback.Succeeded} }},
		{"dead or parked", func(f *filter, _ draws) { f.States = []postback.State{postback.Dead, postback.Parked} }},
		{"type", func(f *filter, _ draws) { f.EventType = "conversion.reversed" }},
		{"rare type", func(f *filter, _ draws) { f.EventType = "exchange.refunded" }},
		{"type pattern", func(f *filter, _ draws) { f.EventType = "exchange.*" }},
		{"type that is nowhere", func(f *filter, _ draws) { f.EventType = "exchange.lost" }},
		{"code 404", func(f *filter, _ draws) { f.Statuses = postback.Statuses{"404"} }},
		{"code 200", func(f *filter, _ draws) { f.Statuses = postback.Statuses{"200"} }},
		{"code that is nowhere", func(f *filter, _ draws) { f.Statuses = postback.Statuses{"418"} }},
		{"endpoint, dead", func(f *filter, d draws) { f.EndpointID, f.States = d.endpoint, dead }},
		{"endpoint, rare type", func(f *filter, d draws) { f.EndpointID, f.EventType = d.endpoint, "exchange.refunded" }},
		{"endpoint, type that is nowhere", func(f *filter, d draws) { f.EndpointID, f.EventType = d.endpoint, "exchange.lost" }},
		{"endpoint, code that is nowhere", func(f *filter, d draws) { f.EndpointID, f.Statuses = d.endpoint, postback.Statuses{"418"} }},
		{"endpoint, day", func(f *filter, d draws) { f.EndpointID, f.Since, f.Until = d.endpoint, d.since, d.until }},
		{"endpoint of another publisher", func(f *filter, d draws) { f.EndpointID, f.Publisher = d.other, d.publisher }},
		{"publisher, dead", func(f *filter, d draws) { f.Publisher, f.States = d.publisher, dead }},
		{"publisher, type pattern, dead", func(f *filter, d draws) { f.Publisher, f.EventType, f.States = d.publisher, "exchange.*", dead }},
		{"publisher, rare type", func(f *filter, d draws) { f.Publisher, f.EventType = d.publisher, "exchange.refunded" }},
		{"publisher, code 404", func(f *filter, d draws) { f.Publisher, f.Statuses = d.publisher, postback.Statuses{"404"} }},
		{"publisher, reference", func(f *filter, d draws) { f.Publisher, f.Reference = d.publisher, d.eventID }},
		{"rare type, dead", func(f *filter, _ draws) { f.EventType, f.States = "exchange.refunded", dead }},
		{"rare type, code 500, day", func(f *filter, d draws) {
			f.EventType, f.Statuses, f.Since, f.Until = "exchange.refunded", postback.Statuses{"500"}, d.since, d.until
		}},
		{"all of it", func(f *filter, d draws) {
			f.EndpointID, f.EventType, f.Statuses, f.States, f.Since, f.Until = d.endpoint, "conversion.*", postback.Statuses{"500"}, dead, d.since, d.until
		}},
	}
}

func draw(total int, today time.Time) draws {
	endpoint := rand.IntN(200)
	day := time.Duration(1+rand.IntN(historyDays-1)) * 24 * time.Hour
	return draws{
		endpoint: fmt.Sprintf("ep_%03d", endpoint), other: fmt.Sprintf("ep_%03d", (endpoint+100)%200),
		publisher: fmt.Sprintf("pub_%02d", endpoint/4), eventID: fmt.Sprintf("tx-%d", rand.IntN(total)),
		since: today.Add(-day), until: today.Add(24*time.Hour - day), today: today,
	}
}

// BenchmarkHistory times the first page of 50 of every search: p50 and p95 over
// at least 100 with other values each.
func BenchmarkHistory(b *testing.B) {
	ledger, total, today := history(b)
	for _, question := range searches() {
		b.Run(question.name, func(b *testing.B) {
			ask := func() time.Duration {
				var filter postback.DeliveryFilter
				question.pick(&filter, draw(total, today))
				start := time.Now()
				if _, _, err := ledger.Deliveries(b.Context(), filter, postback.Page{Limit: 50}); err != nil {
					b.Fatal(err)
				}
				return time.Since(start)
			}
			var took []time.Duration
			for b.Loop() {
				took = append(took, ask())
			}
			for len(took) < 100 {
				took = append(took, ask())
			}
			slices.Sort(took)
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
		})
	}
}
