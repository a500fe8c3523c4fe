package postgres

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/waybillhq/waybill/postback"
)

// Codes of a ledger that is not opened.
const (
	CodeRights      postback.Code = "ledger_rights"      // the role may not do what it must
	CodeUnreachable postback.Code = "ledger_unreachable" // no such server, or it lets nobody in
)

// SQLSTATE codes, from the appendix "PostgreSQL Error Codes" of its manual.
const (
	undefinedTable        = "42P01"
	insufficientPrivilege = "42501"
	uniqueViolation       = "23505"
	invalidPassword       = "28P01"
	invalidLogin          = "28000"
	unknownDatabase       = "3D000"
	deadlockDetected      = "40P01"
	checkViolation        = "23514"
	protocolViolation     = "08P01"
	readOnlyTransaction   = "25006"
	featureNotSupported   = "0A000"
	tooManyConnections    = "53300"
	classConnection       = "08"
	classShutdown         = "57P"
	classDataException    = "22"
	classConstraint       = "23"
)

// poolConfig reads the URL and adds the settings of the connections, where the
// URL does not say otherwise.
func poolConfig(options Options) (*pgxpool.Config, error) {
	config, err := pgxpool.ParseConfig(options.URL)
	if err != nil {
		return nil, badURL()
	}
	config.MaxConns = int32(max(options.Connections, minConnections)) //nolint:gosec // an operator's small number
	if options.Connections == 0 {
		config.MaxConns = DefaultConnections
	}
	config.MaxConnIdleTime = 5 * time.Minute
	config.PingTimeout = connectWait
	return config, nil
}

func connConfig(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, badURL()
	}
	return config, nil
}

// badURL does not quote the URL: it may hold a password.
func badURL() error {
	return postback.Invalid("database", postback.CodeInvalid,
		`is not a PostgreSQL URL; write "postgres://user:password@host:5432/database?sslmode=verify-full"`)
}

// explain says what to do about an error that a ledger cannot be opened or
// changed for; other errors stay as they are.
func explain(config *pgx.ConnConfig, err error) error {
	if _, known := errors.AsType[*postback.Error](err); known {
		return err
	}
	place := hostsOf(config)
	if errors.Is(err, pgconn.ErrReadOnlyConnection) {
		return readOnly(config)
	}
	if failure, ok := errors.AsType[*pgconn.PgError](err); ok {
		switch failure.Code {
		case protocolViolation:
			return postback.Failure(CodeUnreachable, "what answers at %s is no PostgreSQL server but a pooler such as PgBouncer, and it refuses (%s); "+
				"see its log and settings, or connect to the server directly", place, failure.Message)
		case insufficientPrivilege:
			return lacking(config, failure.Message)
		case invalidPassword, invalidLogin:
			return postback.Failure(CodeUnreachable,
				"PostgreSQL at %s does not let %s in (%s); check user and password in the database URL, and the server's pg_hba.conf", place, config.User, failure.Message)
		case unknownDatabase:
			return postback.Failure(CodeUnreachable, "there is no such database at %s (%s); create it: CREATE DATABASE ... OWNER %s", place, failure.Message, config.User)
		}
	}
	if failure, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return postback.Failure(CodeUnreachable, "PostgreSQL at %s does not answer (%v); check host, port and sslmode in the database URL, and that the server runs", place, errors.Unwrap(failure))
	}
	return err
}

// hostsOf names the hosts of a URL and its database.
func hostsOf(config *pgx.ConnConfig) string {
	hosts := []string{net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port)))}
	for _, other := range config.Fallbacks {
		if host := net.JoinHostPort(other.Host, strconv.Itoa(int(other.Port))); !slices.Contains(hosts, host) {
			hosts = append(hosts, host)
		}
	}
	return strings.Join(hosts, ",") + "/" + config.Database
}

func readOnly(config *pgx.ConnConfig) error {
	return postback.Failure(CodeUnreachable, "PostgreSQL at %s takes no writes: it is a standby, or default_transaction_read_only is on; "+
		"name the primary in the database URL, or all hosts of which one is (postgres://user@host1,host2/database): the one that takes writes is used", hostsOf(config))
}

func lacking(config *pgx.ConnConfig, what string) error {
	return postback.Failure(CodeRights, "the role %s lacks a right in the database %s (%s); as the owner of the tables run: "+
		`GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO "%s". To migrate, and to make and drop the partitions of days, `+
		`it must be the owner, or a member of the owner: GRANT owner TO "%s"; a new database needs GRANT CREATE ON SCHEMA public TO "%s"`,
		config.User, config.Database, what, config.User, config.User, config.User)
}

// isMembersFault reports whether a statement failed for what it was asked to
// write, and would fail again.
func isMembersFault(err error) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && (strings.HasPrefix(failure.Code, classDataException) || strings.HasPrefix(failure.Code, classConstraint))
}

func hasCode(err error, code string) bool {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	return ok && failure.Code == code
}

// transact runs do in a transaction.
func (l *Ledger) transact(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	ctx, cancel := bound(ctx)
	defer cancel()
	return replanned(func() error {
		return pgx.BeginFunc(ctx, l.pool, func(tx pgx.Tx) error { return do(ctx, tx) })
	})
}

// oneTrip runs what is queued in a transaction that costs one round trip.
func (l *Ledger) oneTrip(ctx context.Context, queue func(batch *pgx.Batch)) error {
	conn, err := l.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take connection: %w", err)
	}
	defer conn.Release() // It closes a connection whose transaction is open.
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	queue(batch)
	batch.Queue("COMMIT")
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return errors.Join(err, rollback(ctx, conn))
	}
	return nil
}

// persist is transact for what others may be in the way of.
func (l *Ledger) persist(ctx context.Context, do func(ctx context.Context, tx pgx.Tx) error) error {
	return undisturbed(func() error { return l.transact(ctx, do) })
}

// undisturbed does again what failed for what others did at the same moment, of
// which nothing was written. Each try begins with what the first one was given:
// do changes nothing outside of itself but what it answers, and sets that anew. Of
// transactions in a deadlock the server ends one. One that waited while a partition
// was created finds its rows refused by the default partition; the schema checks
// nothing else.
func undisturbed(do func() error) (err error) {
	const tries = 10
	for range tries {
		if err = replanned(do); !hasCode(err, deadlockDetected) && !hasCode(err, checkViolation) {
			return err
		}
	}
	return err
}

// change runs one statement and says how many rows it changed.
func (l *Ledger) change(ctx context.Context, doing, query string, args ...any) (int, error) {
	ctx, cancel := bound(ctx)
	defer cancel()
	var tag pgconn.CommandTag
	err := replanned(func() (err error) {
		tag, err = l.pool.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		return 0, fmt.Errorf("%s: %w", doing, err)
	}
	return int(tag.RowsAffected()), nil
}
