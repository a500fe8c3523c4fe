package cli

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

func partialOf(path string) string { return path + ".partial" }

// exportFile exports to a partial file and names it path when all is there. A
// partial file without a delivery is removed.
func exportFile(ctx context.Context, job *exportJob, path string, resume bool) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("write export: %w", &fs.PathError{Op: "create", Path: path, Err: fs.ErrExist})
	}
	partial := partialOf(path)
	file, err := openPartial(partial, job, resume)
	if err != nil {
		return err
	}
	err = job.run(ctx, file)
	if err == nil {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	switch {
	case err == nil:
		err = os.Rename(partial, path)
	case job.done == 0:
		err = errors.Join(err, os.Remove(partial))
	}
	if err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}

// openPartial makes the partial file, or goes on with the one that is there.
func openPartial(path string, job *exportJob, resume bool) (*os.File, error) {
	flags := os.O_RDWR | os.O_CREATE
	if !resume {
		flags |= os.O_EXCL
	}
	file, err := os.OpenFile(path, flags, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("write export: %w: an incomplete export: resume it with --resume, or remove it", err)
	}
	if err != nil {
		return nil, fmt.Errorf("write export: %w", err)
	}
	if err := job.resume(file); err != nil {
		return nil, errors.Join(fmt.Errorf("resume %s: %w", path, err), file.Close())
	}
	return file, nil
}

// resume finds where the export in a file goes on, and cuts off what is behind
// that.
func (j *exportJob) resume(file *os.File) error {
	find := j.form.wholeRows
	if j.compress {
		find = j.form.wholeMembers
	}
	at, err := find(file)
	if err != nil {
		return err
	}
	if at.last == "" {
		at = exportPoint{} // A heading alone is written again.
	}
	if err := file.Truncate(at.offset); err != nil {
		return fmt.Errorf("cut off: %w", err)
	}
	if _, err := file.Seek(at.offset, io.SeekStart); err != nil {
		return fmt.Errorf("go to the end: %w", err)
	}
	j.last, j.done = at.last, at.deliveries
	return nil
}

// exportPoint is where an export goes on: behind whole deliveries.
type exportPoint struct {
	offset     int64
	last       string // the delivery before it
	deliveries int    // before it
}

func (p *exportPoint) pass(id string, rows []byte) {
	p.last, p.offset = id, p.offset+int64(len(rows))
	if id != "" {
		p.deliveries++
	}
}

// wholeRows finds the end of the last delivery whose rows are all there. The
// last one in the file may lack some, and counts as broken off.
func (f exportForm) wholeRows(file io.Reader) (exportPoint, error) {
	var at, before exportPoint
	rows := newExportReader(file, f)
	if magic, _ := rows.in.Peek(2); string(magic) == "\x1f\x8b" {
		return at, formError() // gzip
	}
	for {
		id, text, err := rows.next()
		switch {
		case isBroken(err):
			return at, nil
		case errors.Is(err, io.EOF):
			return before, nil
		case err != nil:
			return at, err
		}
		before = at
		at.pass(id, text)
	}
}

// wholeMembers is wholeRows for a file of gzip members, each of which holds
// whole deliveries.
func (f exportForm) wholeMembers(file io.Reader) (exportPoint, error) {
	var at exportPoint
	counted := &countingReader{in: file}
	in := bufio.NewReaderSize(counted, exportBuffer)
	for {
		member, err := gzip.NewReader(in)
		if errors.Is(err, gzip.ErrHeader) && at.offset == 0 {
			return at, formError()
		}
		if err != nil {
			return at, nil //nolint:nilerr // the end, or a member that broke off
		}
		member.Multistream(false)
		rows := newExportReader(member, f)
		whole, err := at.passMember(rows)
		if err != nil && (at.offset > 0 || rows.known || isBroken(err)) {
			return at, nil // What broke off may end in anything.
		}
		if err != nil {
			return at, err
		}
		at = whole
		at.offset = counted.read - int64(in.Buffered())
	}
}

// passMember is behind the rows of one member, which must be whole.
func (p exportPoint) passMember(rows *exportReader) (exportPoint, error) {
	for {
		id, text, err := rows.next()
		if errors.Is(err, io.EOF) {
			return p, nil
		}
		if err != nil {
			return p, err
		}
		p.pass(id, text)
	}
}

type countingReader struct {
	in   io.Reader
	read int64
}

func (c *countingReader) Read(into []byte) (int, error) {
	n, err := c.in.Read(into)
	c.read += int64(n)
	return n, err //nolint:wrapcheck // a Reader passes its reader's errors on
}
