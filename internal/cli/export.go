package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
)

func (p *program) deliveryExport() *cobra.Command {
	var filter filterFlags
	var format, path string
	cmd := &cobra.Command{
		Use: "export", Short: "Export deliveries as CSV or JSON Lines",
		Long: `Export all deliveries that the filters pick, as a stream: the size does not matter.
The exit code is 1 when the export is not complete.`,
		Example: `  waybill delivery export --since 2026-01-01 --until 2026-02-01 > january.csv
  waybill delivery export --format jsonl --publisher pub_1 --output pub_1.jsonl`,
		Args: takes(),
	}
	cmd.Flags().StringVar(&format, "format", "csv", "`FORMAT`: csv or jsonl")
	cmd.Flags().StringVar(&path, "output", "", "write to `FILE`, which must not be there (default: standard output)")
	filter.add(cmd)
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if format != "csv" && format != "jsonl" {
			return usagef("--format %q is neither csv nor jsonl", format)
		}
		picked, err := filter.read()
		if err != nil {
			return err
		}
		stream, err := c.ExportDeliveries(ctx, picked, format)
		if err != nil {
			return fmt.Errorf("export deliveries: %w", err)
		}
		defer stream.Close()
		if path != "" {
			return exportTo(path, stream)
		}
		return p.exportOut(stream)
	})
}

// exportTo writes a new file; one that is not complete is removed.
func exportTo(path string, stream io.Reader) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	_, err = io.Copy(file, stream)
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("write export, which is not complete and was removed: %w", errors.Join(err, os.Remove(path)))
	}
	return nil
}

// exportOut writes to standard output: byte for byte to a file or a program,
// escaped to a terminal.
func (p *program) exportOut(stream io.Reader) error {
	var err error
	if isTerminal(p.out) {
		err = copyEscaped(p.out, stream)
	} else {
		_, err = io.Copy(p.out, stream)
	}
	if err != nil {
		return fmt.Errorf("the export is not complete: %w", err)
	}
	return nil
}

func copyEscaped(out io.Writer, stream io.Reader) error {
	lines := bufio.NewReader(stream)
	for {
		line, err := lines.ReadString('\n')
		if _, failed := io.WriteString(out, escapeBlock(line)); failed != nil {
			return fmt.Errorf("write line: %w", failed)
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read line: %w", err)
		}
	}
}
