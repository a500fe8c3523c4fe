package app

import (
	"context"
	"errors"
	"io/fs"

	"github.com/waybillhq/waybill/internal/config"
	"github.com/waybillhq/waybill/internal/schemes"
)

// checkSchemes loads the files of declared schemes and, unless there is none
// yet, the ledger's.
func checkSchemes(ctx context.Context, cfg config.Config, opened schemes.Ledger) Check {
	const name = "schemes"
	loaded, err := schemes.Load(cfg.Schemes...)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return bad(name, err, "give --schemes a directory that exists")
	case err != nil:
		return bad(name, err, "correct the file, or leave it out of the directory that --schemes names")
	}
	if opened == nil {
		return good(name, "%d can be used", len(loaded.Names()))
	}
	live := schemes.NewLive(loaded, opened)
	if err := live.Refresh(ctx); err != nil {
		return bad(name, err, ledgerRemedy)
	}
	for _, warning := range live.Warnings() {
		return risky(name, warning.Err.Error(),
			"declare the scheme under a new name and move the endpoints of "+warning.Scheme+" to it")
	}
	return good(name, "%d can be used", len(loaded.Names()))
}
