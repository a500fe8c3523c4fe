package postgres_test

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/internal/testkit"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store/postgres"
	"github.com/waybillhq/waybill/store/storetest"
)

// hot are the tables that accepting and recording write to.
const hot = `(?:deliveries|waiting|events|attempts|event_ids|event_types|order_heads|kinds)(?:_default)?\b`

// What statements do to the tables that are written to all the time, by their
// kind.
var (
	blocks = regexp.MustCompile(`(?i)ALTER TABLE (?:IF EXISTS )?(?:ONLY )?` + hot + `|LOCK (?:TABLE )?` + hot + `|DROP (?:TABLE|TRIGGER) |` +
		`DROP INDEX (?:IF EXISTS )?[a-z]|CREATE (?:OR REPLACE )?(?:CONSTRAINT )?TRIGGER [^;]* ON ` + hot + `|` + plainIndex)
	scans = regexp.MustCompile(`(?i)UPDATE (?:ONLY )?` + hot + `|DELETE FROM (?:ONLY )?` + hot + `|(?:FROM|JOIN) (?:ONLY )?` + hot + `|` + plainIndex +
		`|VALIDATE CONSTRAINT|SET NOT NULL| TYPE |GENERATED ALWAYS AS \(|ADD (?:CONSTRAINT [a-z_]+ )?(?:CHECK|UNIQUE|PRIMARY|FOREIGN)|DEFAULT (?:now|clock_timestamp|random|gen_random_uuid)`)
	plainIndex = `CREATE (?:UNIQUE )?INDEX (?:IF NOT EXISTS )?[a-z_]+ ON ` + hot
	made       = regexp.MustCompile(`(?i)CREATE TABLE (?:IF NOT EXISTS )?([a-z_]+)`)
	comment    = regexp.MustCompile(`--[^\n]*`)
	space      = regexp.MustCompile(`\s+`)
)

// units are the parts of a migration that hold their locks to their end: the
// statements of one without a transaction, or all of it.
func units(text string) []string {
	if !strings.Contains(text, "-- +goose NO TRANSACTION") {
		return []string{text}
	}
	var all []string
	for i, part := range regexp.MustCompile(`-- \+goose Statement(?:Begin|End)`).Split(text, -1) {
		if i%2 == 1 {
			all = append(all, part)
			continue
		}
		all = append(all, strings.Split(comment.ReplaceAllString(part, ""), ";")...)
	}
	return all
}

// faults are the statements of a migration that keep others from writing for as
// long as something takes.
func faults(text string) []string {
	var found []string
	for _, table := range made.FindAllStringSubmatch(text, -1) {
		text = regexp.MustCompile(`\b`+table[1]+`\b`).ReplaceAllString(text, "new_table") // nobody writes to it yet
	}
	for _, unit := range units(text) {
		unit = space.ReplaceAllString(comment.ReplaceAllString(unit, " "), " ")
		unit = strings.ReplaceAll(unit, "INDEX CONCURRENTLY", "INDEX_CONCURRENTLY")
		switch {
		case !blocks.MatchString(unit):
		case scans.MatchString(unit):
			found = append(found, "holds up writers while it reads a table: "+unit)
		case !strings.Contains(unit, "SET LOCAL lock_timeout"):
			found = append(found, "waits for a lock, and others wait behind it, without a lock_timeout: "+unit)
		}
	}
	return found
}

// TestMigrationsHoldNobodyUp checks by the kind of their statements that no
// migration keeps others from accepting and recording while it reads a table, or
// while it waits for a lock.
func TestMigrationsHoldNobodyUp(t *testing.T) {
	t.Parallel()
	names, err := fs.Glob(postgres.Migrations(), "migrations/*.sql")
	if err != nil || len(names) < 7 {
		t.Fatalf("found %d migrations, %v", len(names), err)
	}
	for _, name := range names[1:] { // the first one makes the tables
		text, err := fs.ReadFile(postgres.Migrations(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, fault := range faults(string(text)) {
			t.Errorf("%s %s", name, fault)
		}
	}
	for _, name := range beforeOnline(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(faults(string(text))) == 0 {
			t.Errorf("%s held up writers, and is not found out", name)
		}
	}
}

// beforeOnline are migrations as they were when they held up writers.
func beforeOnline(t *testing.T) []string {
	t.Helper()
	names, err := filepath.Glob("testdata/migrations/*.sql")
	if err != nil || len(names) == 0 {
		t.Fatalf("found %d migrations, %v", len(names), err)
	}
	return names
}

// schemaOf spells all that a schema is made of.
func schemaOf(t *testing.T, at string) []string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	rows, err := conn.Query(t.Context(), `
		SELECT format('%s.%s %s %s %s %s', c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, l.collname, pg_get_expr(d.adbin, d.adrelid))
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum LEFT JOIN pg_collation l ON l.oid = a.attcollation
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		UNION ALL SELECT pg_get_indexdef(i.indexrelid) || i.indisvalid FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
			WHERE c.relnamespace = 'public'::regnamespace
		UNION ALL SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
		UNION ALL SELECT pg_get_functiondef(oid) FROM pg_proc WHERE pronamespace = 'public'::regnamespace
		UNION ALL SELECT format('%s %s', relname, reloptions) FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p')
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestMigrationsOnlineMakeTheSame checks that the migrations that hold nobody up
// make what those made that did.
func TestMigrationsOnlineMakeTheSame(t *testing.T) {
	t.Parallel()
	online, before := server.Database(t), server.Database(t)
	if err := postgres.MigrateTo(t.Context(), options(online), 7); err != nil {
		t.Fatal(err)
	}
	if err := postgres.MigrateTo(t.Context(), options(before), 1); err != nil {
		t.Fatal(err)
	}
	replaced := beforeOnline(t)
	for version := 2; version <= 7; version++ {
		server.Exec(t, before, migrationText(t, version, replaced))
	}
	got, want := schemaOf(t, online), schemaOf(t, before)
	for _, part := range slices.Concat(got, want) {
		if slices.Contains(got, part) != slices.Contains(want, part) {
			t.Errorf("only in one of them: %s", part)
		}
	}
}

// migrationText is a migration as it was.
func migrationText(t *testing.T, version int, replaced []string) string {
	t.Helper()
	prefix := fmt.Sprintf("%05d_", version)
	for _, name := range replaced {
		if strings.HasPrefix(filepath.Base(name), prefix) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			return string(text)
		}
	}
	names, err := fs.Glob(postgres.Migrations(), "migrations/"+prefix+"*.sql")
	if err != nil || len(names) != 1 {
		t.Fatalf("found %v, %v", names, err)
	}
	text, err := fs.ReadFile(postgres.Migrations(), names[0])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// oldGroups fills a ledger of the first schema: deliveries of one endpoint that wait in
// order, of which the ids say the contrary, and many more that ended.
const oldGroups = `
	INSERT INTO deliveries (id, event_id, event_at, event_seq, event_type, publisher, endpoint_id, reference, state, reason, test, generation,
		attempts, attempts_before, last_status_code, last_error, created_at, opened_at)
	SELECT 'dlv_' || to_char(1000000 - n, 'FM0000000'), 'evt_' || n, now(), n, 'conversion.completed', 'pub_1', 'ep_' || n % 50, '',
		CASE WHEN n <= 3 THEN 'parked' ELSE 'succeeded' END, CASE WHEN n <= 3 THEN 'ordered' ELSE '' END, false, 1, 0, 0, 0, '', now(), now()
	FROM generate_series(1, 20000) n;
	INSERT INTO waiting (endpoint_id, id, publisher, event_type, state, reason, bytes, code)
	SELECT endpoint_id, id, publisher, event_type, state, reason, 1, 0 FROM deliveries WHERE state = 'parked'`

// TestMigrateBesideOthers checks that a migration that has to wait for a reader,
// such as a backup, does not have all writers wait behind it, and that it gets
// through in the end.
func TestMigrateBesideOthers(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	if err := postgres.MigrateTo(t.Context(), options(at), 1); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, at, oldGroups)
	conn, err := pgx.Connect(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	reader, err := conn.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := reader.Exec(t.Context(), `LOCK TABLE deliveries, waiting IN ACCESS SHARE MODE`); err != nil {
		t.Fatal(err)
	}
	migrated := make(chan error, 1)
	go func() {
		_, err := postgres.Migrate(t.Context(), options(at))
		migrated <- err
	}()
	testkit.Eventually(t, "the migration waits", func() bool {
		var waits bool
		err := reader.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'deliveries'::regclass)`).Scan(&waits)
		return err == nil && waits
	})
	// It would wait for the reader, and so for ever, behind a lock without a limit.
	server.Exec(t, at, `UPDATE deliveries SET test = true WHERE id = 'dlv_0000001';
		INSERT INTO waiting (endpoint_id, id, publisher, event_type, state, reason, bytes, code) VALUES ('ep_1', 'dlv_1', '', '', 'pending', '', 0, 0)`)
	if err := reader.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-migrated; err != nil {
		t.Fatal(err)
	}
	open(t, at)
}

// TestMigrateKeepsOrder checks that deliveries that waited in order before their places
// were written down go in the order of their events.
func TestMigrateKeepsOrder(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	if err := postgres.MigrateTo(t.Context(), options(at), 1); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, at, oldGroups)
	if err := postgres.MigrateTo(t.Context(), options(at), 5); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, at, `UPDATE deliveries SET endpoint_id = 'ep_1', order_key = 'tx-1' WHERE reason = 'ordered';
		UPDATE waiting SET endpoint_id = 'ep_1', order_key = 'tx-1' WHERE reason = 'ordered'`)
	migrate(t, at)
	ledger := open(t, at)
	for _, want := range []string{"evt_1", "evt_2", "evt_3"} {
		if n, err := ledger.MendGroups(t.Context(), "ep_1", time.Now(), 10); err != nil || n > 1 {
			t.Fatalf("%d rows mended, %v", n, err)
		}
		found, _, err := ledger.Deliveries(t.Context(), postback.DeliveryFilter{EndpointID: "ep_1", States: []postback.State{postback.Pending}}, postback.Page{})
		if err != nil || len(found) != 1 || found[0].EventID != want {
			t.Fatalf("%v goes, want %s, %v", found, want, err)
		}
		if err := ledger.Record(t.Context(), storetest.Succeed(found[0].Ref())); err != nil {
			t.Fatal(err)
		}
	}
}

// TestMigrateLetsOldEndpointsSendEmptyMacros checks that an endpoint from before there
// was a choice, or made since by a program that has none, behaves as it did.
func TestMigrateLetsOldEndpointsSendEmptyMacros(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	if err := postgres.MigrateTo(t.Context(), options(at), 60); err != nil {
		t.Fatal(err)
	}
	const insert = `INSERT INTO endpoints (id, publisher, url, scheme, method, event_types, retry, timeout, headers, expect, description, state, disabled_reason, revision, created_at, updated_at)
		VALUES ('%s', 'pub_1', '', 'bitlabs', 'GET', 'null', '{}', 1, 'null', 'null', '', 'enabled', '', %d, now(), now())`
	server.Exec(t, at, fmt.Sprintf(insert, "ep_before", 1001))
	migrate(t, at)
	server.Exec(t, at, fmt.Sprintf(insert, "ep_since", 1002))
	ledger := open(t, at)
	for _, id := range []string{"ep_before", "ep_since"} {
		endpoint, err := ledger.Endpoint(t.Context(), id)
		if err != nil || !slices.Equal(endpoint.AllowEmpty, []string{"*"}) {
			t.Errorf("%s may leave %q empty, %v", id, endpoint.AllowEmpty, err)
		}
	}
}

// TestMigrateKeepsSettings checks that what endpoints were given is theirs still
// when it is one object, and that programs to which each setting is a column work
// on beside this one.
func TestMigrateKeepsSettings(t *testing.T) {
	t.Parallel()
	at := server.Database(t)
	if err := postgres.MigrateTo(t.Context(), options(at), 84); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, at, storetest.OldEndpoint("ep_before", 1001, "now()"))
	migrate(t, at)
	server.Exec(t, at, storetest.OldEndpoint("ep_since", 1002, "now()"))
	ledger := open(t, at)
	want := storetest.Endpoint("ep_1").EndpointSettings
	for _, id := range []string{"ep_before", "ep_since"} {
		endpoint, err := ledger.Endpoint(t.Context(), id)
		if err != nil || !reflect.DeepEqual(endpoint.EndpointSettings, want) {
			t.Errorf("%s: got  %+v, %v\nwant %+v", id, endpoint.EndpointSettings, err, want)
		}
	}
	if _, err := ledger.SaveEndpoint(t.Context(), storetest.Endpoint("ep_own")); err != nil {
		t.Fatal(err)
	}
	const columns = `SELECT concat_ws(' ', url, method, event_types, retry, timeout, headers, expect, max_in_flight, rate_limit, order_by, allow_empty, description) FROM endpoints WHERE id = '%s'`
	server.Exec(t, at, storetest.OldEndpoint("ep_old", 1003, "now()"))
	if got, old := value[string](t, at, fmt.Sprintf(columns, "ep_own")), value[string](t, at, fmt.Sprintf(columns, "ep_old")); got != old {
		t.Errorf("an older program sees %s\nand wrote %s", got, old)
	}
	server.Exec(t, at, `UPDATE endpoints SET settings = '{"timeout":"1m0.5s","later":[1]}' WHERE id = 'ep_own'`)
	if got := value[string](t, at, `SELECT concat_ws(' ', timeout, event_types, expect) FROM endpoints WHERE id = 'ep_own'`); got != "60500000000 null null" {
		t.Errorf("an older program sees %s", got)
	}
	server.Exec(t, at, `UPDATE endpoints SET state = 'paused' WHERE id = 'ep_own'`)
	server.Exec(t, at, `UPDATE endpoints SET order_by = 'tx' WHERE id = 'ep_own'`)
	if got := value[string](t, at, `SELECT concat_ws(' ', settings::json -> 'later', settings::json -> 'order_by', settings::json -> 'timeout') FROM endpoints WHERE id = 'ep_own'`); got != `[1] "tx" "60500000000ns"` {
		t.Errorf("an older program left %s", got)
	}
}
