package formula

import (
	"strconv"
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// Stamp writes and reads a time the way a declaration wants it.
type Stamp struct {
	Format  string
	Zone    *time.Location
	OfEvent bool
}

// Append appends the text of a time.
func (s *Stamp) Append(dst []byte, at time.Time) []byte {
	switch s.Format {
	case declare.FormatUnix:
		return strconv.AppendInt(dst, at.Unix(), 10)
	case declare.FormatUnixMilli:
		return strconv.AppendInt(dst, at.UnixMilli(), 10)
	default:
		return at.In(s.Zone).AppendFormat(dst, s.Format)
	}
}

// Parse reads what append wrote.
func (s *Stamp) Parse(text string) (time.Time, error) {
	if s.Format != declare.FormatUnix && s.Format != declare.FormatUnixMilli {
		at, err := time.ParseInLocation(s.Format, text, s.Zone)
		if err != nil {
			return time.Time{}, refusal.New("", refusal.CodeTimestampInvalid, "the timestamp cannot be read")
		}
		return at, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, refusal.New("", refusal.CodeTimestampInvalid, "the timestamp is no whole number")
	case s.Format == declare.FormatUnixMilli:
		return time.UnixMilli(number), nil
	default:
		return time.Unix(number, 0), nil
	}
}

// Same says whether two stamps write the same text for the same message.
func (s *Stamp) Same(other *Stamp) bool {
	return s.Format == other.Format && s.OfEvent == other.OfEvent && s.Zone.String() == other.Zone.String()
}
