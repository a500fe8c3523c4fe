// Package endpoints manages where publishers want their events: it checks,
// makes, changes, pauses and deletes endpoints and rotates their secrets.
//
// It guarantees that no endpoint is stored that its scheme, its retry policy or
// the egress policy would refuse later, that a secret is sealed before it
// reaches the ledger, and that a change is seen by this process when the call
// returns, unless the ledger went away in that moment.
package endpoints

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/waybillhq/waybill/internal/egress"
	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/internal/id"
	"github.com/waybillhq/waybill/internal/retry"
	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// Ledger keeps endpoints.
type Ledger interface {
	SaveEndpoint(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error)
	// AddEndpoint saves a new one, unless its publisher has as many as given:
	// CodeLimit; 0 is no limit.
	AddEndpoint(ctx context.Context, endpoint postback.Endpoint, most int) (postback.Endpoint, error)
	Endpoint(ctx context.Context, id string) (postback.Endpoint, error)
	Cancel(ctx context.Context, endpointID string, reason postback.Reason, at time.Time, limit int) (int, error)
}

// Registry is this process's view of the endpoints.
type Registry interface {
	Refresh(ctx context.Context) error
}

// Sealer encrypts secrets, and decrypts them to compare.
type Sealer interface {
	Seal(secret postback.Secret, endpointID string, version int) []byte
	Open(sealed []byte, endpointID string, version int) (postback.Secret, error)
}

// Reach says which URLs may be sent to.
type Reach interface {
	CheckURL(rawURL string) error
}

// Schemes knows the schemes that endpoints may choose.
type Schemes interface {
	Define(name string) (*signer.Definition, error)
	// DefineRevision is Define, with the scheme's revision in the ledger, if it is
	// one of the ledger's.
	DefineRevision(name string) (*signer.Definition, int64, error)
}

// Options are the parts of a Manager; all but Most and Now are required.
type Options struct {
	Ledger   Ledger
	Registry Registry
	Sealer   Sealer
	Reach    Reach
	Schemes  Schemes
	Past     Past
	// Most is how many endpoints a publisher may have; an operator may have any
	// number. Zero is no limit.
	Most int
	// Now is the ledger's clock. Nil means time.Now.
	Now func() time.Time
}

// Manager manages endpoints. It is safe for concurrent use.
type Manager struct {
	ledger   Ledger
	registry Registry
	sealer   Sealer
	reach    Reach
	schemes  Schemes
	rules    schemes.Rules
	past     Past
	most     int
	now      func() time.Time
}

// New makes a Manager.
func New(options Options) *Manager {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &Manager{
		ledger: options.Ledger, registry: options.Registry, sealer: options.Sealer, reach: options.Reach,
		schemes: options.Schemes, rules: schemes.Rules{Schemes: options.Schemes}, past: options.Past, most: options.Most, now: options.Now,
	}
}

// Create makes an endpoint and returns it with its secret, which is shown this
// once. The error names the field that is wrong.
func (m *Manager) Create(ctx context.Context, spec postback.EndpointSpec) (postback.Endpoint, postback.Secret, []postback.Warning, error) {
	fail := func(err error) (postback.Endpoint, postback.Secret, []postback.Warning, error) {
		return postback.Endpoint{}, postback.Secret{}, nil, err
	}
	now := m.now()
	endpoint := postback.Endpoint{
		ID: id.New(id.Endpoint, now), Publisher: spec.Publisher, Scheme: spec.Scheme, EndpointSettings: spec.EndpointSettings,
		State: postback.EndpointEnabled, CreatedAt: now, UpdatedAt: now,
	}
	warnings, err := m.check(&endpoint)
	if err != nil {
		return fail(err)
	}
	warnings = append(warnings, m.unordered(endpoint)...)
	secret, err := m.chooseSecret(endpoint.Scheme, spec.Secret)
	if err != nil {
		return fail(err)
	}
	endpoint.Secrets = m.rotate(endpoint, secret, postback.Rotation{}, now)
	warnings = append(warnings, m.compare(ctx, endpoint)...)
	if endpoint, err = m.add(ctx, endpoint); err != nil {
		return fail(err)
	}
	return endpoint, secret, warnings, nil
}

// add saves a new endpoint if its publisher may have one more.
func (m *Manager) add(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	most := m.most
	if endpoint.Publisher == postback.Operator {
		most = 0
	}
	added, err := m.ledger.AddEndpoint(ctx, endpoint, most)
	switch {
	case postback.CodeOf(err) == postback.CodeLimit:
		return postback.Endpoint{}, postback.Invalid("publisher", postback.CodeLimit,
			"has %d endpoints already, the most that a publisher may have (--max-endpoints-per-publisher); delete one, or raise the setting", most)
	case err != nil:
		return postback.Endpoint{}, fmt.Errorf("add endpoint: %w", err)
	}
	m.saved(ctx)
	return added, nil
}

// Update changes what the patch names. CodeNotFound; the error names the field
// that is wrong.
func (m *Manager) Update(ctx context.Context, endpointID string, patch postback.EndpointPatch) (postback.Endpoint, []postback.Warning, error) {
	var warnings []postback.Warning
	endpoint, err := m.change(ctx, endpointID, func(endpoint *postback.Endpoint) error {
		var err error
		if endpoint.EndpointSettings, err = patch.Over(endpoint.EndpointSettings); err != nil {
			return fmt.Errorf("read settings: %w", err)
		}
		warnings, err = m.check(endpoint)
		return err
	})
	if err == nil && slices.ContainsFunc([]string{"url", "method", "event_types", "allow_empty"}, patch.Names) {
		warnings = append(warnings, m.compare(ctx, endpoint)...)
	}
	return endpoint, warnings, err
}

// cancelStep is how many deliveries one ledger transaction cancels.
const cancelStep = 500

// Delete takes the endpoint out of use and cancels what waits for it. Its
// history stays.
func (m *Manager) Delete(ctx context.Context, endpointID string) error {
	_, err := m.change(ctx, endpointID, func(endpoint *postback.Endpoint) error {
		endpoint.State = postback.EndpointDeleted
		return nil
	})
	if err != nil {
		return err
	}
	for {
		cancelled, err := m.ledger.Cancel(ctx, endpointID, postback.ReasonEndpointDeleted, m.now(), cancelStep)
		if err != nil {
			return fmt.Errorf("cancel waiting deliveries: %w", err)
		}
		if cancelled == 0 {
			return nil
		}
	}
}

// change reads, alters and saves an endpoint, and does so again when somebody
// else saved it in between.
func (m *Manager) change(ctx context.Context, endpointID string, alter func(*postback.Endpoint) error) (postback.Endpoint, error) {
	for {
		endpoint, err := m.ledger.Endpoint(ctx, endpointID)
		if err != nil {
			return postback.Endpoint{}, fmt.Errorf("read endpoint: %w", err)
		}
		if endpoint.State == postback.EndpointDeleted {
			return postback.Endpoint{}, postback.Failure(postback.CodeNotFound, "endpoint %s not found: it was deleted", endpointID)
		}
		if err := alter(&endpoint); err != nil {
			return postback.Endpoint{}, err
		}
		endpoint.UpdatedAt = m.now()
		saved, err := m.save(ctx, endpoint)
		if postback.CodeOf(err) != postback.CodeConflict {
			return saved, err
		}
	}
}

func (m *Manager) save(ctx context.Context, endpoint postback.Endpoint) (postback.Endpoint, error) {
	saved, err := m.ledger.SaveEndpoint(ctx, endpoint)
	if err != nil {
		return postback.Endpoint{}, fmt.Errorf("save endpoint: %w", err)
	}
	m.saved(ctx)
	return saved, nil
}

// saved has this process see a change. It is made, and a new secret is shown only
// in this answer: that it is seen a moment later, when the registry follows, is no
// failure.
func (m *Manager) saved(ctx context.Context) { _ = m.registry.Refresh(ctx) }

// check refuses an endpoint that could not be delivered to, completes its
// defaults, and warns of what trips common receivers.
func (m *Manager) check(endpoint *postback.Endpoint) ([]postback.Warning, error) {
	scheme, revision, err := m.schemes.DefineRevision(endpoint.Scheme)
	if err != nil {
		return nil, domainError(err)
	}
	endpoint.SchemeRevision = revision
	found, err := scheme.Check(signer.Target{URL: endpoint.URL, Method: endpoint.Method})
	if err != nil {
		return nil, domainError(err)
	}
	if err := scheme.CheckMayBeEmpty(endpoint.AllowEmpty); err != nil {
		return nil, domainError(err)
	}
	if err := checkSuccess(endpoint, scheme); err != nil {
		return nil, err
	}
	if endpoint.Method == "" {
		endpoint.Method = scheme.Methods()[0]
	}
	if err := m.reach.CheckURL(origin(endpoint.URL)); err != nil {
		return nil, domainError(err)
	}
	if err := checkRest(endpoint); err != nil {
		return nil, err
	}
	endpoint.Retry = retry.Complete(endpoint.Retry, schemes.Promise(scheme))
	foldLists(&endpoint.EndpointSettings)
	warnings := make([]postback.Warning, 0, len(found))
	for _, warning := range found {
		warnings = append(warnings, postback.Warning{Code: warning.Code, Message: warning.Message})
	}
	return append(warnings, notSent(endpoint.Headers, scheme)...), nil
}

// origin is the part of a URL that says where it leads. The scheme has checked
// the rest, which may hold macros that are no URL yet.
func origin(rawURL string) string {
	scheme, rest, _ := strings.Cut(rawURL, "://")
	if end := strings.IndexAny(rest, "/?#"); end >= 0 {
		rest = rest[:end]
	}
	return scheme + "://" + rest + "/"
}

// minTimeout is the shortest attempt timeout: less is a slip of the unit.
const minTimeout = time.Millisecond

func checkRest(endpoint *postback.Endpoint) error {
	if _, err := postback.RequireName("publisher", &endpoint.Publisher); err != nil && endpoint.Revision == 0 {
		return fmt.Errorf("check endpoint: %w", err) // an old one keeps the name that it was made with
	}
	if endpoint.Publisher == postback.Operator && endpoint.Scheme != postback.OperatorScheme {
		return postback.Invalid("scheme", postback.CodeInvalid, "alerts are sent in the scheme %s; choose that", postback.OperatorScheme)
	}
	for i, pattern := range endpoint.EventTypes {
		if err := postback.CheckPatternOf(endpoint.Publisher, fmt.Sprintf("event_types[%d]", i), pattern); err != nil {
			return fmt.Errorf("check endpoint: %w", err)
		}
	}
	if endpoint.Timeout == 0 {
		endpoint.Timeout = postback.Duration(postback.DefaultTimeout)
	}
	if timeout := time.Duration(endpoint.Timeout); timeout < minTimeout || timeout > postback.MaxTimeout {
		return postback.Invalid("timeout", postback.CodeInvalid, "must be between %s and %s", minTimeout, postback.FormatAge(postback.MaxTimeout))
	}
	header := http.Header{}
	for name, value := range endpoint.Headers {
		header[name] = []string{value}
	}
	if err := egress.CheckHeaders(header); err != nil {
		return domainError(err)
	}
	if err := retry.Validate(endpoint.Retry); err != nil {
		return fmt.Errorf("check endpoint: %w", err)
	}
	if err := retry.ValidateAnswers(endpoint.EndpointSettings); err != nil {
		return fmt.Errorf("check endpoint: %w", err)
	}
	if endpoint.Expect != nil {
		if _, err := expect.Compile(*endpoint.Expect); err != nil {
			return fmt.Errorf("check endpoint: %w", err)
		}
	}
	return checkPace(endpoint)
}

// checkSuccess checks which answers count as success. 200 alone needs no saying.
func checkSuccess(endpoint *postback.Endpoint, scheme *signer.Definition) error {
	if !endpoint.WidensSuccess() {
		endpoint.SuccessStatuses = nil
	}
	for i, status := range endpoint.SuccessStatuses {
		field := fmt.Sprintf("success_statuses[%d]", i)
		if status < 200 || status > 299 {
			return postback.Invalid(field, postback.CodeInvalid, "is %d: only statuses from 200 to 299 can be success", status)
		}
	}
	if endpoint.WidensSuccess() && !scheme.ReceiverChoosesSuccess() {
		return postback.Invalid("success_statuses", postback.CodeInvalid,
			"in the scheme %s only 200 is success, as its network promises; leave the field out, or set it to null where it is set", scheme.Name())
	}
	return nil
}

// checkPace checks what bounds how fast the endpoint is sent to.
func checkPace(endpoint *postback.Endpoint) error {
	if endpoint.MaxInFlight < 0 || endpoint.MaxInFlight > postback.MaxInFlight {
		return postback.Invalid("max_in_flight", postback.CodeInvalid,
			"must be from 1 to %d, the attempts in flight at once from each process, or 0 for the server's default", postback.MaxInFlight)
	}
	if err := checkOrderBy(endpoint.OrderBy); err != nil {
		return err
	}
	if endpoint.RateLimit == nil {
		return nil
	}
	limit := *endpoint.RateLimit // of the caller
	endpoint.RateLimit = &limit
	if err := limit.Complete(); err != nil {
		return fmt.Errorf("check endpoint: %w", err)
	}
	return nil
}

// domainError gives the errors of the signer and of the egress policy the form
// of the domain's.
func domainError(err error) error {
	if refused, ok := errors.AsType[*egress.Refusal](err); ok {
		return &postback.Error{Code: postback.Code(refused.Code), Field: refused.Field, Message: refused.Message}
	}
	return schemes.DomainError(err) //nolint:wrapcheck // it is the caller's own
}
