package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"

	"github.com/waybillhq/waybill/internal/keys"
	"github.com/waybillhq/waybill/internal/seal"
	"github.com/waybillhq/waybill/postback"
)

// buildKeyring loads the keyring. A new one is made only by an API, for a
// ledger that no other keyring serves: on a second host it is copied.
func (s *server) buildKeyring(ctx context.Context) error {
	known, err := s.ledger.Fingerprints(ctx)
	if err != nil {
		return fmt.Errorf("load keyring: %w", err)
	}
	endpoints := s.registry.All()
	first := len(known) == 0 && len(endpoints) == 0
	if s.keyring, err = seal.Load(s.cfg.KeyringSource(), first && s.roles.API); errors.Is(err, fs.ErrNotExist) && first {
		return postback.Failure(seal.CodeForeign,
			"keyring not found; start the API first, which creates one, and give every process the same")
	}
	if err != nil {
		return fmt.Errorf("load keyring: %w", err)
	}
	if err := checkRing(s.keyring, endpoints); err != nil {
		return fmt.Errorf("check keyring: %w", err)
	}
	return s.keyring.Agree(ctx, s.ledger) //nolint:wrapcheck // it says all
}

// checkRing refuses a keyring that lacks a key with which a secret was sealed,
// and one that opens none of the secrets: it is another ledger's. A single
// secret that does not open costs its endpoint alone.
func checkRing(ring *seal.Keyring, endpoints []postback.Endpoint) error {
	var refused error
	opens := false
	for _, endpoint := range endpoints {
		for _, secret := range sealedSecrets(endpoint) {
			if err := ring.Has(secret.Sealed, endpoint.ID); err != nil {
				return err //nolint:wrapcheck // it says all
			}
			_, err := ring.Open(secret.Sealed, endpoint.ID, secret.Version)
			if err != nil {
				refused = err
			}
			opens = opens || err == nil
		}
	}
	if opens {
		return nil
	}
	return refused
}

// sealedSecrets are those that may still sign.
func sealedSecrets(endpoint postback.Endpoint) []postback.SealedSecret {
	if endpoint.State == postback.EndpointDeleted {
		return nil
	}
	var sealed []postback.SealedSecret
	for _, secret := range endpoint.Secrets {
		if len(secret.Sealed) > 0 {
			sealed = append(sealed, secret)
		}
	}
	return sealed
}

// ensureAdminKey makes the first admin key and writes it to its file. A file
// that is there already counts: its key is recorded.
func (s *server) ensureAdminKey(ctx context.Context) error {
	known, err := s.keys.List(ctx)
	if err != nil {
		return fmt.Errorf("list keys: %w", err)
	}
	if len(known) > 0 {
		return nil
	}
	text := keys.NewText()
	err = seal.WriteOnce(s.cfg.AdminKeyFile(), []byte(text+"\n"))
	if errors.Is(err, os.ErrExist) {
		text, err = keys.ReadText(s.cfg.AdminKeyFile())
	}
	if err != nil {
		return fmt.Errorf("write admin key: %w", err)
	}
	_, err = s.keys.Adopt(ctx, text, "first admin", postback.RoleAdmin, "")
	if postback.CodeOf(err) == postback.CodeConflict {
		return nil // another process found the same file and was faster
	}
	if err != nil {
		return fmt.Errorf("record admin key: %w", err)
	}
	s.log.InfoContext(ctx, "admin key written", slog.String("file", s.cfg.AdminKeyFile()))
	return nil
}
