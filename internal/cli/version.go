package cli

import (
	"fmt"
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
			p.printf("%s\n", versionLine())
			return nil
		},
	}
}

func versionLine() string {
	return fmt.Sprintf("waybill %s %s %s/%s", app.Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
