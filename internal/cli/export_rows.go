package cli

import (
	"bufio"
	"bytes"
	"errors"
	"io"
)

// maxRow bounds a row, in bytes. An attempt with all that was sent and answered
// is far below.
const maxRow = 64 << 20

func formError() error {
	return errors.New("the file has rows of another export: use the same --format, --attempts and --gzip")
}

// exportForm is how an export's rows are spelled.
type exportForm struct {
	format   string // "csv" or "jsonl"
	attempts bool
}

// owner is the id of the delivery that a row belongs to; empty for a heading.
func (f exportForm) owner(row []byte) (string, error) {
	name, end := "id", `,`
	if f.attempts {
		name = "delivery_id"
	}
	if f.format == "jsonl" {
		name, end = `{"`+name+`":"`, `"`
	} else if bytes.HasPrefix(row, []byte(name+end)) {
		return "", nil
	}
	text, found := row, true
	if f.format == "jsonl" {
		text, found = bytes.CutPrefix(row, []byte(name))
	}
	id, _, ended := bytes.Cut(text, []byte(end))
	if !found || !ended || !bytes.HasPrefix(id, []byte("dlv_")) {
		return "", formError()
	}
	return string(id), nil
}

// exportReader reads an export delivery by delivery.
type exportReader struct {
	in      *bufio.Reader
	form    exportForm
	rows    []byte // of the delivery that is being read
	ahead   []byte // the first row of the one behind it
	aheadOf string
	known   bool // there was a row of the form
}

func newExportReader(in io.Reader, form exportForm) *exportReader {
	return &exportReader{in: bufio.NewReaderSize(in, exportBuffer), form: form}
}

// next returns a delivery's id and its rows, until the next call; the heading
// comes first, without an id. io.EOF is the end of the export. What breaks off
// is a brokenError, and the delivery that was being read is not returned: rows
// of it may be missing.
func (r *exportReader) next() (string, []byte, error) {
	id := r.aheadOf
	r.rows = append(r.rows[:0], r.ahead...)
	for {
		err := r.readRow()
		if errors.Is(err, io.EOF) && len(r.rows) > 0 {
			r.ahead, r.aheadOf = r.ahead[:0], ""
			return id, r.rows, nil
		}
		if err != nil {
			return "", nil, err
		}
		owner, err := r.form.owner(r.ahead)
		if err != nil {
			return "", nil, err
		}
		r.known = true
		if len(r.rows) > 0 && owner != id {
			r.aheadOf = owner
			return id, r.rows, nil
		}
		id, r.rows = owner, append(r.rows, r.ahead...)
	}
}

// readRow reads the next row into ahead. A line end between quotes is none.
func (r *exportReader) readRow() error {
	r.ahead = r.ahead[:0]
	quotes := 0
	for {
		line, err := r.in.ReadSlice('\n')
		r.ahead = append(r.ahead, line...)
		if r.form.format == "csv" {
			quotes += bytes.Count(line, []byte(`"`))
		}
		switch {
		case len(r.ahead) > maxRow:
			return errors.New("a row is larger than any that Waybill writes")
		case errors.Is(err, bufio.ErrBufferFull):
		case errors.Is(err, io.EOF) && len(r.ahead) == 0:
			return io.EOF
		case errors.Is(err, io.EOF):
			return &brokenError{io.ErrUnexpectedEOF}
		case err != nil:
			return &brokenError{err}
		case quotes%2 == 0:
			return nil
		}
	}
}
