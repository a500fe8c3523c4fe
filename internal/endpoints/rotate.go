package endpoints

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/waybillhq/waybill/postback"
)

const (
	// maxAhead bounds how far ahead a rotation may be set, and how long two
	// secrets may sign.
	maxAhead = 30 * 24 * time.Hour
	// keptSecrets is how many secrets an endpoint remembers, so that the last
	// use of an old one can be seen.
	keptSecrets = 5
)

// RotateSecret replaces the secret, by a new one when none is given, and
// returns it, this once. Attempts from the rotation's time on sign with it,
// retries and replays of older events among them. The secret that signs now is
// refused (CodeSecretUnchanged). A rotation that is planned for later is replaced
// if rotation says so, and is CodeRotationPlanned otherwise.
func (m *Manager) RotateSecret(ctx context.Context, endpointID string, rotation postback.Rotation) (postback.Endpoint, postback.Secret, error) {
	var chosen postback.Secret
	endpoint, err := m.change(ctx, endpointID, func(endpoint *postback.Endpoint) error {
		now := m.now()
		if err := m.checkRotation(endpoint.Scheme, rotation, now); err != nil {
			return err
		}
		var err error
		if err = m.checkAgainst(*endpoint, rotation, now); err != nil {
			return err
		}
		if chosen, err = m.chooseSecret(endpoint.Scheme, rotation.Secret); err != nil {
			return err
		}
		endpoint.Secrets = m.rotate(*endpoint, chosen, rotation, now)
		return nil
	})
	if err != nil {
		return postback.Endpoint{}, postback.Secret{}, err
	}
	return endpoint, chosen, nil
}

// checkAgainst compares a rotation with the secrets that the endpoint has.
func (m *Manager) checkAgainst(endpoint postback.Endpoint, rotation postback.Rotation, now time.Time) error {
	for _, secret := range endpoint.Secrets {
		if secret.ActiveFrom.After(now) && !rotation.Replace {
			return postback.Failure(postback.CodeRotationPlanned,
				"version %d of the secret is planned to sign from %s on; set replace to discard it", secret.Version, secret.ActiveFrom.UTC().Format(time.RFC3339))
		}
	}
	for _, secret := range endpoint.SecretsAt(now) {
		// One that does not open cannot be compared: replacing it is the remedy.
		current, err := m.sealer.Open(secret.Sealed, endpoint.ID, secret.Version)
		if err == nil && !rotation.Secret.Empty() && rotation.Secret.Reveal() == current.Reveal() {
			return postback.Invalid("secret", postback.CodeSecretUnchanged, "is the one that signs already; give another, or leave it out to have one generated")
		}
	}
	return nil
}

func (m *Manager) checkRotation(name string, rotation postback.Rotation, now time.Time) error {
	if !rotation.At.IsZero() && rotation.At.Before(now) {
		return postback.Invalid("at", postback.CodeInvalid, "is in the past; leave it out to rotate now")
	}
	if rotation.At.After(now.Add(maxAhead)) {
		return postback.Invalid("at", postback.CodeInvalid, "is too far ahead; use a time within the next 30 days")
	}
	if rotation.Overlap < 0 || rotation.Overlap > maxAhead {
		return postback.Invalid("overlap", postback.CodeInvalid, `must be a duration of at most 30d, such as "24h"`)
	}
	scheme, err := m.schemes.Define(name)
	if err != nil {
		return domainError(err)
	}
	if rotation.Overlap > 0 && !scheme.AllowsOverlap() {
		return postback.Invalid("overlap", postback.CodeInvalid,
			"the scheme %s has room for one signature, so a rotation is a cutover; set its time with the field at instead", name)
	}
	return nil
}

func (m *Manager) chooseSecret(name string, given postback.Secret) (postback.Secret, error) {
	scheme, err := m.schemes.Define(name)
	if err != nil {
		return postback.Secret{}, domainError(err)
	}
	if !given.Empty() {
		return given, domainError(scheme.CheckSecret(given.Reveal()))
	}
	made, err := scheme.GenerateSecret(rand.Reader)
	return postback.NewSecret(made), domainError(err)
}

// rotate gives the endpoint's secrets with a new one in front. The one that
// signs until then goes on until the new one's time, and through the overlap.
// A secret that will not sign again is remembered without its sealed value.
func (m *Manager) rotate(endpoint postback.Endpoint, secret postback.Secret, rotation postback.Rotation, now time.Time) []postback.SealedSecret {
	version := 1
	if len(endpoint.Secrets) > 0 {
		version = endpoint.Secrets[0].Version + 1
	}
	fresh := postback.SealedSecret{Version: version, Sealed: m.sealer.Seal(secret, endpoint.ID, version), CreatedAt: now}
	from := now
	if rotation.At.After(now) {
		from, fresh.ActiveFrom = rotation.At, rotation.At
	}
	rotated := []postback.SealedSecret{fresh}
	for _, before := range endpoint.Secrets {
		if before.ActiveFrom.After(now) {
			continue // it was to follow, and never signed
		}
		if end := from.Add(rotation.Overlap); len(rotated) == 1 || before.RetiredAt.After(end) {
			before.RetiredAt = end
		}
		if !before.RetiredAt.After(now) {
			before.Sealed = []byte{}
		}
		rotated = append(rotated, before)
	}
	return rotated[:min(len(rotated), keptSecrets)]
}
