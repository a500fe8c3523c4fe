package store

import "github.com/waybillhq/waybill/postback"

// What both ledgers have alike: the columns of a row, and where each of them is
// scanned to, in the same order.

const (
	// EventColumns are those of an event e.
	EventColumns = `e.id, e.type, e.publisher, e.data, e.occurred_at, e.accepted_at, e.digest, e.traceparent, e.test, e.rejection`
	// ListedEventColumns leave its data out: large events would not fit in memory many
	// at a time.
	ListedEventColumns = `e.id, e.type, e.publisher, CAST(NULL AS bytea), e.occurred_at, e.accepted_at, e.digest, e.traceparent, e.test, e.rejection`
)

// EventDest scans EventColumns.
func EventDest(e *postback.Event) []any {
	return []any{
		&e.ID, &e.Type, &e.Publisher, (*[]byte)(&e.Data), At(&e.OccurredAt), At(&e.AcceptedAt), &e.Digest, &e.TraceParent, &e.Test, &e.Rejection,
	}
}

// DeliveryDest scans the columns of a delivery, some of which PostgreSQL has elsewhere.
func DeliveryDest(d *postback.Delivery) []any {
	return []any{
		&d.ID, &d.EventID, &d.EventType, &d.Publisher, &d.EndpointID, &d.Reference, &d.OrderKey, &d.State, &d.Reason, &d.Test, &d.Probe,
		&d.Generation, &d.Attempts, &d.AttemptsBefore, &d.LastStatusCode, &d.LastError,
		At(&d.CreatedAt), At(&d.OpenedAt), At(&d.NextAttemptAt), At(&d.CompletedAt), At(&d.SweepAt),
	}
}

// DueDest scans the columns of a delivery and EventColumns.
func DueDest(d *postback.Due) []any {
	return append(DeliveryDest(&d.Delivery), EventDest(&d.Event)...)
}

// EndpointColumns are those of an endpoint p.
const EndpointColumns = `p.id, p.publisher, p.scheme, p.settings, p.state, p.disabled_reason, p.disabled_at,
	p.revision, p.created_at, p.updated_at, p.seq`

// EndpointRow is an endpoint with what orders it among others of the same time.
type EndpointRow struct {
	postback.Endpoint

	Seq int64
}

// Whole is the endpoint of a row.
func (r EndpointRow) Whole() postback.Endpoint { return r.Endpoint }

// EndpointDest scans EndpointColumns.
func EndpointDest(r *EndpointRow) []any {
	return []any{
		&r.ID, &r.Publisher, &r.Scheme, JSON(&r.EndpointSettings), &r.State, &r.DisabledReason, At(&r.DisabledAt),
		&r.Revision, At(&r.CreatedAt), At(&r.UpdatedAt), &r.Seq,
	}
}

// SecretColumns are those of a secret.
const SecretColumns = `endpoint_id, version, sealed, created_at, active_from, retired_at, last_used_at` //nolint:gosec // names, no secret

// SecretRow is a secret and whose it is.
type SecretRow struct {
	postback.SealedSecret

	EndpointID string
}

// SecretDest scans SecretColumns.
func SecretDest(s *SecretRow) []any {
	return []any{
		&s.EndpointID, &s.Version, &s.Sealed, At(&s.CreatedAt), At(&s.ActiveFrom), At(&s.RetiredAt), At(&s.LastUsedAt),
	}
}

// KeyColumns are those of an API key.
const KeyColumns = `id, name, role, publisher, hash, created_at, revoked_at`

// KeyDest scans KeyColumns.
func KeyDest(k *postback.APIKey) []any {
	return []any{&k.ID, &k.Name, &k.Role, &k.Publisher, &k.Hash, At(&k.CreatedAt), At(&k.RevokedAt)}
}

// SchemeColumns are those of a declared scheme.
const SchemeColumns = `name, declaration, created_at, deleted_at, revision`

// SchemeDest scans SchemeColumns.
func SchemeDest(s *postback.DeclaredScheme) []any {
	return []any{&s.Name, (*[]byte)(&s.Declaration), At(&s.CreatedAt), At(&s.DeletedAt), &s.Revision}
}

// NoticeColumns are those of a notice.
const NoticeColumns = `id, type, endpoint_id, at, since, count, last_error, reason, dead, outage`

// NewsDest scans what is new of an endpoint: the columns of a notice from its type
// on, without what is about deliveries.
func NewsDest(n *postback.Notice) []any {
	return []any{&n.Type, &n.EndpointID, At(&n.At), At(&n.Since), &n.Count, &n.LastError, &n.Reason}
}

// NoticeDest scans NoticeColumns.
func NoticeDest(n *postback.Notice) []any {
	return []any{
		&n.ID, &n.Type, &n.EndpointID, At(&n.At), At(&n.Since), &n.Count, &n.LastError, &n.Reason, JSON(&n.Dead), JSON(&n.Outage),
	}
}

// DeadLetterColumns are those of counted dead letters.
const DeadLetterColumns = `endpoint_id, reason, count, first_at, last_at, deliveries`

// DeadLetterDest scans DeadLetterColumns.
func DeadLetterDest(d *postback.DeadLetters) []any {
	return []any{&d.EndpointID, &d.Reason, &d.Count, At(&d.First), At(&d.Last), JSON(&d.Deliveries)}
}

// BlockColumns are those of what keeps an endpoint from being sent to.
const BlockColumns = `endpoint_id, cause, message, since, at`

// BlockDest scans BlockColumns.
func BlockDest(b *postback.Block) []any {
	return []any{&b.EndpointID, &b.Cause, &b.Message, At(&b.Since), At(&b.At)}
}

// OutageColumns are those of an outage of our own.
const OutageColumns = `process, reason, message, since, at, deliveries, endpoints`

// OutageDest scans OutageColumns.
func OutageDest(o *postback.Outage) []any {
	return []any{&o.Process, &o.Reason, &o.Message, At(&o.Since), At(&o.At), &o.Deliveries, &o.Endpoints}
}

// CountColumns are those of counted attempts.
const CountColumns = `endpoint_id, slot, attempts, succeeded, errors, latencies, last_attempt_at, last_success_at`

// CountDest scans CountColumns.
func CountDest(t *postback.AttemptCounts) []any {
	return []any{
		&t.EndpointID, At(&t.Slot), &t.Attempts, &t.Succeeded, JSON(&t.Errors), JSON(&t.Latencies), At(&t.LastAttemptAt), At(&t.LastSuccessAt),
	}
}

// UnmatchedDest scans what an alert says of a publisher's events that no endpoint wants: the
// publisher, how many there are, the times of the first and the last, and some ids.
func UnmatchedDest(u *postback.Unmatched) []any {
	return []any{&u.Publisher, &u.Count, At(&u.First), At(&u.Last), JSON(&u.Events)}
}

// StreakColumns are those of an endpoint that fails.
const StreakColumns = `endpoint_id, since, failed_at, failures, last_error, opened_at, tried_at, probes, probe_at`

// StreakDest scans StreakColumns.
func StreakDest(t *postback.FailureStreak) []any {
	return []any{
		&t.EndpointID, At(&t.Since), At(&t.FailedAt), &t.Failures, &t.LastError, At(&t.OpenedAt), At(&t.TriedAt), &t.Probes, At(&t.ProbeAt),
	}
}

// ReplayColumns are those of a replay job r, but for how far it has collected and its
// place among others.
const ReplayColumns = `r.id, r.filter, r.rate, r.dry_run, r.state, r.matched, r.collected, r.replayed, r.skipped, r.skips, r.groups,
	r.created_at, r.ended_at`

// ReplayDest scans ReplayColumns.
func ReplayDest(r *postback.ReplayJob) []any {
	return []any{
		&r.ID, JSON(&r.Filter), &r.Rate, &r.DryRun, &r.State, &r.Matched, &r.Collected, &r.Replayed, &r.Skipped, JSON(&r.Skips), JSON(&r.Groups),
		At(&r.CreatedAt), At(&r.EndedAt),
	}
}

// GroupDest scans a count of deliveries: of which endpoint, in which state, why, and how
// many.
func GroupDest(g *postback.DeliveryGroup) []any {
	return []any{&g.EndpointID, &g.State, &g.Reason, &g.Count}
}
