package postgres

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

const (
	insertEndpoint = `INSERT INTO endpoints
		(publisher, scheme, settings, state, disabled_reason, disabled_at, created_at, updated_at, id, revision)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (id) DO NOTHING`
	updateEndpoint = `UPDATE endpoints SET publisher = $1, scheme = $2, settings = $3, state = $4, disabled_reason = $5, disabled_at = $6,
		created_at = $7, updated_at = $8, revision = $10 WHERE id = $9 AND revision = $11`
	countEndpoints = `SELECT count(*) FROM endpoints WHERE publisher = $1 AND state <> 'deleted'`
	selectSecrets  = `SELECT ` + store.SecretColumns + ` FROM endpoint_secrets
		WHERE endpoint_id = ANY($1) ORDER BY endpoint_id, version DESC`
	deleteSecrets = `DELETE FROM endpoint_secrets WHERE endpoint_id = $1 AND version <> ALL($2)`
	// When a secret was last used is not the saver's to say.
	putSecrets = `INSERT INTO endpoint_secrets (endpoint_id, version, sealed, created_at, active_from, retired_at)
		SELECT $1, u.* FROM unnest($2::integer[], $3::bytea[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[]) u
		ON CONFLICT (endpoint_id, version) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at,
		active_from = excluded.active_from, retired_at = excluded.retired_at`
	useSecrets = `UPDATE endpoint_secrets s SET last_used_at = u.at
		FROM (SELECT endpoint_id, version, max(at) AS at FROM unnest($1::text[], $2::integer[], $3::timestamptz[]) n (endpoint_id, version, at) GROUP BY 1, 2) u
		WHERE s.endpoint_id = u.endpoint_id AND s.version = u.version AND (s.last_used_at IS NULL OR s.last_used_at < u.at)`
)

const selectEndpoints = `SELECT ` + store.EndpointColumns + ` FROM endpoints p `

// SaveEndpoint writes a new endpoint (Revision 0) or a changed one, whose
// Revision must be the stored one (else CodeConflict), together with its
// secrets, and returns it with its new Revision.
func (l *Ledger) SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	return l.saveEndpoint(ctx, endpoint, func(context.Context, pgx.Tx) error { return nil })
}

// AddEndpoint writes a new endpoint, unless its publisher has too many. Endpoints
// are written one after another: the next revision is locked.
func (l *Ledger) AddEndpoint(ctx context.Context, endpoint postback.Endpoint, most int) (postback.Endpoint, error) {
	return l.saveEndpoint(ctx, endpoint, func(ctx context.Context, tx pgx.Tx) error {
		count, err := single(ctx, tx, "count", one[int], countEndpoints, clean(endpoint.Publisher))
		if err != nil {
			return err
		}
		return store.Room(endpoint.Publisher, count, most)
	})
}

// saveEndpoint writes an endpoint if the check, which is made when no other one
// is being written, lets it.
func (l *Ledger) saveEndpoint(ctx context.Context, endpoint postback.Endpoint, check func(context.Context, pgx.Tx) error) (postback.Endpoint, error) {
	query, args := endpointStatement(endpoint)
	saved := endpoint
	err := l.transactInTurn(ctx, func(ctx context.Context, tx pgx.Tx) (err error) {
		if args[revisionPlace], err = single(ctx, tx, "revision", one[int64], nextRevision); err != nil {
			return err
		}
		if err := requireScheme(ctx, tx, endpoint); err != nil {
			return err
		}
		if err := check(ctx, tx); err != nil {
			return err
		}
		before, err := stateOf(ctx, tx, endpoint.ID)
		if err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, query, args...)
		if err != nil {
			return fmt.Errorf("write endpoint: %w", err)
		}
		if tag.RowsAffected() == 0 {
			return refuseEndpoint(ctx, tx, endpoint)
		}
		if err := replaceSecrets(ctx, tx, endpoint); err != nil {
			return err
		}
		if err := switched(ctx, tx, before, endpoint); err != nil {
			return err
		}
		saved, err = readEndpoint(ctx, tx, endpoint.ID)
		return err
	})
	return saved, err
}

// stateOf is an endpoint's state; empty for a new one.
func stateOf(ctx context.Context, tx pgx.Tx, id string) (postback.EndpointState, error) {
	found, err := collect(ctx, tx, one[postback.EndpointState], `SELECT state FROM endpoints WHERE id = $1`, id)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

// revisionPlace is where the new revision is among a statement's arguments.
const revisionPlace = 9

func endpointStatement(e postback.Endpoint) (string, []any) {
	args := []any{
		clean(e.Publisher), e.Scheme, store.AsJSON(e.EndpointSettings), string(e.State), clean(e.DisabledReason), moment(e.DisabledAt),
		moment(e.CreatedAt), moment(e.UpdatedAt), e.ID, nil,
	}
	if e.Revision == 0 {
		return insertEndpoint, args
	}
	return updateEndpoint, append(args, e.Revision)
}

// refuseEndpoint says why an endpoint was not written.
func refuseEndpoint(ctx context.Context, db querier, endpoint postback.Endpoint) error {
	stored, err := readEndpoint(ctx, db, endpoint.ID)
	if err != nil {
		return err
	}
	return postback.Failure(postback.CodeConflict,
		"the endpoint %s was changed by somebody else (revision %d is not %d); read it again and repeat the change",
		endpoint.ID, stored.Revision, endpoint.Revision)
}

func replaceSecrets(ctx context.Context, tx pgx.Tx, endpoint postback.Endpoint) error {
	type secret = postback.SealedSecret
	versions := column(endpoint.Secrets, func(s secret) int { return s.Version })
	if _, err := tx.Exec(ctx, deleteSecrets, endpoint.ID, versions); err != nil {
		return fmt.Errorf("replace secrets: %w", err)
	}
	_, err := tx.Exec(ctx, putSecrets, endpoint.ID, versions,
		column(endpoint.Secrets, func(s secret) []byte { return append([]byte{}, s.Sealed...) }), // a nil one would be NULL
		times(endpoint.Secrets, func(s secret) time.Time { return s.CreatedAt }),
		times(endpoint.Secrets, func(s secret) time.Time { return s.ActiveFrom }),
		times(endpoint.Secrets, func(s secret) time.Time { return s.RetiredAt }))
	if err != nil {
		return fmt.Errorf("write secrets: %w", err)
	}
	return nil
}

// UseSecrets notes that secrets signed attempts.
func (l *Ledger) UseSecrets(ctx context.Context, uses []postback.SecretUse) error {
	return undisturbed(func() error { // processes may note the same ones in another order
		_, err := l.change(ctx, "note uses of secrets", useSecrets,
			texts(uses, func(u postback.SecretUse) string { return u.EndpointID }),
			column(uses, func(u postback.SecretUse) int { return u.Version }),
			times(uses, func(u postback.SecretUse) time.Time { return u.At }))
		return err
	})
}

// Endpoint returns one endpoint, a deleted one too; CodeNotFound.
func (l *Ledger) Endpoint(ctx context.Context, id string) (endpoint postback.Endpoint, err error) {
	err = l.snapshot(ctx, func(ctx context.Context, db querier) error {
		endpoint, err = readEndpoint(ctx, db, id)
		return err
	})
	return endpoint, err
}

func readEndpoint(ctx context.Context, db querier, id string) (postback.Endpoint, error) {
	rows, err := readEndpoints(ctx, db, `WHERE p.id = $1`, id)
	if err != nil {
		return postback.Endpoint{}, err
	}
	if len(rows) == 0 {
		return postback.Endpoint{}, missing("endpoint")
	}
	return rows[0].Endpoint, nil
}

// EndpointsSince returns every endpoint, deleted ones too, whose Revision is
// greater, in order of Revision.
func (l *Ledger) EndpointsSince(ctx context.Context, revision int64) ([]postback.Endpoint, error) {
	var rows []store.EndpointRow
	err := l.snapshot(ctx, func(ctx context.Context, db querier) (err error) {
		rows, err = readEndpoints(ctx, db, `WHERE p.revision > $1 ORDER BY p.revision`, revision)
		return err
	})
	return column(rows, store.EndpointRow.Whole), err
}

// Endpoints lists endpoints, newest first, without deleted ones.
func (l *Ledger) Endpoints(ctx context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error) {
	var where conditions
	where.add(`p.state <> 'deleted'`)
	where.addText(`p.publisher`, filter.Publisher)
	where.addText(`p.state`, string(filter.State))
	if err := where.addAfter(`p.created_at`, `p.seq`, store.Endpoints, page.Cursor); err != nil {
		return nil, "", err
	}
	size := store.Size(page)
	query := where.sql() + ` ORDER BY p.created_at DESC, p.seq DESC LIMIT ` + where.value(size+1)
	var rows []store.EndpointRow
	err := l.search(ctx, func(ctx context.Context, db querier) (err error) {
		rows, err = readEndpoints(ctx, db, query, where.args...)
		return err
	})
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Endpoints, rows[size-1].CreatedAt, rows[size-1].Seq)
	}
	return column(rows, store.EndpointRow.Whole), next, err
}

// readEndpoints reads endpoints with their secrets.
func readEndpoints(ctx context.Context, db querier, where string, args ...any) ([]store.EndpointRow, error) {
	rows, err := collect(ctx, db, store.EndpointDest, selectEndpoints+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	secrets, err := collect(ctx, db, store.SecretDest, selectSecrets, column(rows, func(r store.EndpointRow) string { return r.ID }))
	if err != nil {
		return nil, fmt.Errorf("read secrets: %w", err)
	}
	byID := map[string][]postback.SealedSecret{}
	for _, s := range secrets {
		byID[s.EndpointID] = append(byID[s.EndpointID], s.SealedSecret)
	}
	for i := range rows {
		rows[i].Secrets = byID[rows[i].ID]
	}
	return rows, nil
}
