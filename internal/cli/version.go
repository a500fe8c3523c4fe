package cli

import (
	"runtime"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/internal/app"
)

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Long:  "Print the version of this binary, the Go version it was built with, and the platform.",
		Args:  takes(),
		RunE: func(*cobra.Command, []string) error {
			p.printf("waybill %s %s %s/%s\n", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
