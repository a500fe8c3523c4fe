package sqlite

import (
	"context"
	"fmt"

	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/store"
)

// The next revision is one more than any: revisions grow in commit order,
// because one connection writes.
const (
	insertEndpoint = `INSERT INTO endpoints
		(publisher, scheme, settings, state, disabled_reason, disabled_at, created_at, updated_at, id, revision)
		SELECT ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(max(revision), 0) + 1 FROM endpoints WHERE true
		ON CONFLICT (id) DO NOTHING`
	updateEndpoint = `UPDATE endpoints SET publisher = ?, scheme = ?, settings = ?, state = ?, disabled_reason = ?, disabled_at = ?,
		created_at = ?, updated_at = ?, revision = (SELECT max(revision) + 1 FROM endpoints) WHERE id = ? AND revision = ?`
	countEndpoints = `SELECT count(*) FROM endpoints WHERE publisher = ? AND state <> 'deleted'`
	selectSecrets  = `SELECT ` + store.SecretColumns + ` FROM endpoint_secrets
		WHERE endpoint_id IN (SELECT value FROM json_each(?)) ORDER BY endpoint_id, version DESC`
	deleteSecrets = `DELETE FROM endpoint_secrets WHERE endpoint_id = ? AND version NOT IN (SELECT value FROM json_each(?))`
	// When a secret was last used is not the saver's to say.
	putSecret = `INSERT INTO endpoint_secrets (endpoint_id, version, sealed, created_at, active_from, retired_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (endpoint_id, version) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at,
		active_from = excluded.active_from, retired_at = excluded.retired_at`
	useSecret = `UPDATE endpoint_secrets SET last_used_at = ?1
		WHERE endpoint_id = ?2 AND version = ?3 AND (last_used_at IS NULL OR last_used_at < ?1)`
)

const (
	selectEndpoints = `SELECT ` + store.EndpointColumns + ` FROM endpoints p `
	latestRevision  = `SELECT coalesce(max(revision), 0) FROM endpoints`
)

// SaveEndpoint writes a new endpoint (Revision 0) or a changed one, whose
// Revision must be the stored one (else CodeConflict), together with its
// secrets, and returns it with its new Revision.
func (l *Ledger) SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	return l.saveEndpoint(ctx, endpoint, func(context.Context, *session) error { return nil })
}

// AddEndpoint writes a new endpoint, unless its publisher has too many.
func (l *Ledger) AddEndpoint(ctx context.Context, endpoint postback.Endpoint, most int) (postback.Endpoint, error) {
	return l.saveEndpoint(ctx, endpoint, func(ctx context.Context, db *session) error {
		count, err := countRows(ctx, db, countEndpoints, endpoint.Publisher)
		if err != nil {
			return err
		}
		return store.Room(endpoint.Publisher, count, most)
	})
}

// saveEndpoint writes an endpoint if the check lets it.
func (l *Ledger) saveEndpoint(ctx context.Context, endpoint postback.Endpoint, check func(context.Context, *session) error) (postback.Endpoint, error) {
	query, args := endpointStatement(endpoint)
	return write(ctx, l.writer, 1+len(endpoint.Secrets), func(ctx context.Context, db *session) (postback.Endpoint, error) {
		if err := requireScheme(ctx, db, endpoint); err != nil {
			return endpoint, err
		}
		if err := check(ctx, db); err != nil {
			return endpoint, err
		}
		before, err := stateOf(ctx, db, endpoint.ID)
		if err != nil {
			return endpoint, err
		}
		changed, err := db.exec(ctx, query, args...)
		if err != nil {
			return endpoint, fmt.Errorf("write endpoint: %w", err)
		}
		if changed == 0 {
			return endpoint, refuseEndpoint(ctx, db, endpoint)
		}
		if err := replaceSecrets(ctx, db, endpoint); err != nil {
			return endpoint, err
		}
		if err := switched(ctx, db, before, endpoint); err != nil {
			return endpoint, err
		}
		return readEndpoint(ctx, db, endpoint.ID)
	})
}

// stateOf is an endpoint's state; empty for a new one.
func stateOf(ctx context.Context, db *session, id string) (postback.EndpointState, error) {
	found, err := collect(ctx, db, func(s *postback.EndpointState) []any { return []any{s} }, `SELECT state FROM endpoints WHERE id = ?`, id)
	if err != nil || len(found) == 0 {
		return "", err
	}
	return found[0], nil
}

func endpointStatement(e postback.Endpoint) (string, []any) {
	args := []any{
		e.Publisher, e.Scheme, store.AsJSON(e.EndpointSettings), string(e.State), e.DisabledReason, micros(e.DisabledAt),
		micros(e.CreatedAt), micros(e.UpdatedAt), e.ID,
	}
	if e.Revision == 0 {
		return insertEndpoint, args
	}
	return updateEndpoint, append(args, e.Revision)
}

// refuseEndpoint says why an endpoint was not written.
func refuseEndpoint(ctx context.Context, db *session, endpoint postback.Endpoint) error {
	stored, err := readEndpoint(ctx, db, endpoint.ID)
	if err != nil {
		return err
	}
	return postback.Failure(postback.CodeConflict,
		"the endpoint %s was changed by somebody else (revision %d is not %d); read it again and repeat the change",
		endpoint.ID, stored.Revision, endpoint.Revision)
}

func replaceSecrets(ctx context.Context, db *session, endpoint postback.Endpoint) error {
	kept := unwrap(endpoint.Secrets, func(s postback.SealedSecret) int { return s.Version })
	if _, err := db.exec(ctx, deleteSecrets, endpoint.ID, store.AsJSON(kept)); err != nil {
		return fmt.Errorf("replace secrets: %w", err)
	}
	for _, secret := range endpoint.Secrets {
		sealed := append([]byte{}, secret.Sealed...) // a nil one would be written as NULL
		_, err := db.exec(ctx, putSecret, endpoint.ID, secret.Version, sealed,
			micros(secret.CreatedAt), micros(secret.ActiveFrom), micros(secret.RetiredAt))
		if err != nil {
			return fmt.Errorf("write secret: %w", err)
		}
	}
	return nil
}

// UseSecrets notes that secrets signed attempts.
func (l *Ledger) UseSecrets(ctx context.Context, uses []postback.SecretUse) error {
	_, err := write(ctx, l.writer, len(uses), func(ctx context.Context, db *session) (struct{}, error) {
		for _, use := range uses {
			if _, err := db.exec(ctx, useSecret, micros(use.At), use.EndpointID, use.Version); err != nil {
				return struct{}{}, fmt.Errorf("note the use of a secret: %w", err)
			}
		}
		return struct{}{}, nil
	})
	return err
}

// Endpoint returns one endpoint, a deleted one too; CodeNotFound.
func (l *Ledger) Endpoint(ctx context.Context, id string) (endpoint postback.Endpoint, err error) {
	err = l.snapshot(ctx, func(db querier) error {
		endpoint, err = readEndpoint(ctx, db, id)
		return err
	})
	return endpoint, err
}

func readEndpoint(ctx context.Context, db querier, id string) (postback.Endpoint, error) {
	rows, err := readEndpoints(ctx, db, `WHERE p.id = ?`, id)
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
	latest, err := single(ctx, l.reads, "revision", func(n *int64) []any { return []any{n} }, latestRevision)
	if err != nil || latest <= revision {
		return nil, err // as a rule: every process asks all the time
	}
	var rows []store.EndpointRow
	err = l.snapshot(ctx, func(db querier) (err error) {
		rows, err = readEndpoints(ctx, db, `WHERE p.revision > ? ORDER BY p.revision`, revision)
		return err
	})
	return unwrap(rows, store.EndpointRow.Whole), err
}

// Endpoints lists endpoints, newest first, without deleted ones.
func (l *Ledger) Endpoints(ctx context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error) {
	after, err := positionOf(store.Endpoints, page.Cursor)
	if err != nil {
		return nil, "", err
	}
	var where conditions
	where.add(`p.state <> 'deleted'`)
	where.addText(`p.publisher = ?`, filter.Publisher)
	where.addText(`p.state = ?`, string(filter.State))
	where.addAfter(`(p.created_at, p.seq)`, after)
	size := store.Size(page)
	var rows []store.EndpointRow
	err = l.snapshot(ctx, func(db querier) error {
		rows, err = readEndpoints(ctx, db, where.sql()+` ORDER BY p.created_at DESC, p.seq DESC LIMIT ?`, append(where.args, size+1)...)
		return err
	})
	next := ""
	if len(rows) > size {
		rows = rows[:size]
		next = cursorAt(store.Endpoints, rows[size-1].CreatedAt, rows[size-1].Seq)
	}
	return unwrap(rows, store.EndpointRow.Whole), next, err
}

// readEndpoints reads endpoints with their secrets.
func readEndpoints(ctx context.Context, db querier, where string, args ...any) ([]store.EndpointRow, error) {
	rows, err := collect(ctx, db, store.EndpointDest, selectEndpoints+where, args...)
	if err != nil {
		return nil, fmt.Errorf("read endpoints: %w", err)
	}
	ids := unwrap(rows, func(r store.EndpointRow) string { return r.ID })
	secrets, err := collect(ctx, db, store.SecretDest, selectSecrets, store.AsJSON(ids))
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
