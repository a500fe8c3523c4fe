package cli

import (
	"compress/gzip"
	"fmt"
	"io"
)

// exportSink takes an export, whole deliveries at a time.
type exportSink interface {
	add(rows []byte) error
	// end is called when all rows were added.
	end() error
}

// plainSink writes rows as they are.
type plainSink struct{ out io.Writer }

func (s plainSink) add(rows []byte) error {
	if _, err := s.out.Write(rows); err != nil {
		return fmt.Errorf("write export: %w", err)
	}
	return nil
}

func (plainSink) end() error { return nil }

// memberSize is how many bytes of rows a gzip member holds at least, but for
// the last.
const memberSize = 4 << 20

// gzipSink writes rows as gzip members of whole deliveries. Where a member ends
// depends on the rows alone, so that an export that was broken off and resumed
// behind a member is the same file, byte for byte.
type gzipSink struct {
	out     io.Writer
	zip     *gzip.Writer // nil between members
	held    int          // bytes of rows in the member
	written bool         // there is a member
}

func (s *gzipSink) add(rows []byte) error {
	if s.zip == nil {
		s.zip, s.held, s.written = gzip.NewWriter(s.out), 0, true
	}
	if _, err := s.zip.Write(rows); err != nil {
		return fmt.Errorf("compress export: %w", err)
	}
	if s.held += len(rows); s.held < memberSize {
		return nil
	}
	return s.close()
}

// end ends the last member; a file without rows is one empty member.
func (s *gzipSink) end() error {
	if !s.written {
		if err := s.add(nil); err != nil {
			return err
		}
	}
	if s.zip == nil {
		return nil
	}
	return s.close()
}

func (s *gzipSink) close() error {
	err := s.zip.Close()
	s.zip = nil
	if err != nil {
		return fmt.Errorf("compress export: %w", err)
	}
	return nil
}
