package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

// exportFlags say what to export, how, and where to.
type exportFlags struct {
	filter   filterFlags
	form     exportForm
	compress bool
	path     string
	resume   bool
}

func (p *program) deliveryExport() *cobra.Command {
	var flags exportFlags
	cmd := &cobra.Command{
		Use: "export", Short: "Export deliveries or attempts as CSV or JSON Lines",
		Long: `Export all deliveries that the filters pick, or their attempts, as a stream: there is
no size limit. When the connection breaks, the export resumes after the last complete
delivery, and fails when the server is away for a minute.

With --output the rows go to FILE.partial, which becomes FILE when all are there.
After a failure the same command with --resume continues where FILE.partial ends.

CSV is safe to open in a spreadsheet: a cell that might be run as a formula has a '
before it. JSON Lines hold every text as it is, and of attempts also what was sent and
answered. The exit code is 1 when the export is not complete.`,
		Example: `  waybill delivery export --since 2026-01-01 --until 2026-02-01 > january.csv
  waybill delivery export --format jsonl --publisher pub_1 --output pub_1.jsonl
  waybill delivery export --attempts --until 2026-02-01 --gzip --output attempts.csv.gz --resume`,
		Args: takes(),
	}
	add := cmd.Flags()
	add.StringVar(&flags.form.format, "format", "csv", "`FORMAT` csv or jsonl")
	add.BoolVar(&flags.form.attempts, "attempts", false, "one row for each attempt, not for each delivery")
	add.BoolVar(&flags.compress, "gzip", false, "compress, on the way and what is written")
	add.StringVar(&flags.path, "output", "", "`FILE` write to this file, which must not exist (default: standard output)")
	add.BoolVar(&flags.resume, "resume", false, "resume where FILE.partial of the same export ends, if it exists")
	flags.filter.add(cmd, postback.States(), "")
	return p.online(cmd, func(ctx context.Context, c *client.Client, _ []string) error {
		if err := flags.check(isTerminal(p.out)); err != nil {
			return err
		}
		picked, err := flags.filter.read()
		if err != nil {
			return err
		}
		job := &exportJob{client: c, filter: picked, form: flags.form, compress: flags.compress, pause: pause}
		return p.export(ctx, job, &flags)
	})
}

func (f *exportFlags) check(terminal bool) error {
	switch {
	case f.form.format != "csv" && f.form.format != "jsonl":
		return usagef("--format %q is neither csv nor jsonl", f.form.format)
	case f.resume && f.path == "":
		return usagef("--resume needs --output, the file of the export to resume")
	case f.compress && f.path == "" && terminal:
		return usagef("--gzip does not write to a terminal; give --output, or a pipe")
	case f.resume && (ago(f.filter.query.Since.String()) || ago(f.filter.query.Until.String())):
		return usagef("--resume needs --since and --until as the times that they were when the export began: how long ago means another time now")
	default:
		return nil
	}
}

// ago reports whether a bound in time moves with the clock.
func ago(text string) bool {
	before, err := postback.ParseWhen(text, time.Unix(0, 0))
	after, _ := postback.ParseWhen(text, time.Unix(1, 0))
	return err == nil && !before.Equal(after)
}

func (p *program) export(ctx context.Context, job *exportJob, flags *exportFlags) error {
	ended := p.exportProgress(job, flags.path != "")
	err := p.exportTo(ctx, job, flags)
	ended(err == nil)
	switch {
	case err == nil && job.last == "":
		p.notef("No delivery matches the filters: the export is empty\n")
		return nil
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return errors.New(notComplete(job, flags, interrupted))
	case job.done > 0:
		return errors.New(notComplete(job, flags, describe(err)))
	default:
		return err
	}
}

// notComplete says what there is and how to go on.
func notComplete(job *exportJob, flags *exportFlags, cause string) string {
	text := fmt.Sprintf("the export is not complete after %s: %s", counted(job.done, "delivery"), cause)
	if flags.path == "" || job.done == 0 {
		return text
	}
	text += fmt.Sprintf("\nthe same command with --resume continues in %s", partialOf(flags.path))
	for _, bound := range []struct {
		name      string
		given, at postback.Text
	}{
		{"since", flags.filter.query.Since, job.filter.Since},
		{"until", flags.filter.query.Until, job.filter.Until},
	} {
		if ago(bound.given.String()) {
			text += fmt.Sprintf(", with --%s %s", bound.name, bound.at)
		}
	}
	return text
}

func (p *program) exportTo(ctx context.Context, job *exportJob, flags *exportFlags) error {
	if flags.path != "" {
		return exportFile(ctx, job, flags.path, flags.resume)
	}
	if isTerminal(p.out) {
		return job.follow(ctx, plainSink{escapingWriter{p.out}})
	}
	return job.run(ctx, p.out)
}

// escapingWriter writes to a terminal what may hold anything. It is given whole
// rows.
type escapingWriter struct{ out io.Writer }

func (e escapingWriter) Write(rows []byte) (int, error) {
	_, err := io.WriteString(e.out, escapeBlock(string(rows)))
	return len(rows), err
}

// exportBuffer is how many bytes of rows are written at once.
const exportBuffer = 64 << 10

// run exports to out, all of it or an error.
func (j *exportJob) run(ctx context.Context, out io.Writer) error {
	buffered := bufio.NewWriterSize(out, exportBuffer)
	var to exportSink = plainSink{buffered}
	if j.compress {
		to = &gzipSink{out: buffered, written: j.last != ""}
	}
	err := j.follow(ctx, to)
	if err == nil {
		err = to.end()
	}
	if flushed := buffered.Flush(); flushed != nil && err == nil {
		err = fmt.Errorf("write export: %w", flushed)
	}
	return err
}
