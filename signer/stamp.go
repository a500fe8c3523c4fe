package signer

import (
	"strconv"
	"time"
)

// stamp writes and reads a time the way a declaration wants it.
type stamp struct {
	format  string
	zone    *time.Location
	ofEvent bool
}

const (
	formatUnix      = "unix"
	formatUnixMilli = "unix_milli"
	formatRFC3339   = "rfc3339"
)

// compileStamp checks format, zone and origin of a timestamp. It proves a
// layout with a time that has no two equal elements.
func compileStamp(path, format, zone, of string) (stamp, error) {
	compiled := stamp{format: or(format, formatUnix), zone: time.UTC}
	origin, err := oneOf(path+".of", of, "attempt", "event")
	if err != nil {
		return stamp{}, err
	}
	compiled.ofEvent = origin == "event"
	if compiled.zone, err = readZone(path+".zone", zone); err != nil {
		return stamp{}, err
	}
	if compiled.format == formatRFC3339 {
		compiled.format = time.RFC3339
	}
	probe := time.Date(2021, time.November, 23, 14, 35, 46, 0, time.UTC)
	read, err := compiled.parse(string(compiled.append(nil, probe)))
	if err != nil || !read.Equal(probe) {
		return stamp{}, wrong(path+".format", "%.40q does not tell a time to the second: use unix, unix_milli, rfc3339 or a layout such as 20060102150405", format)
	}
	return compiled, nil
}

func readZone(path, zone string) (*time.Location, error) {
	if zone == "" {
		return time.UTC, nil
	}
	if offset, err := time.Parse("-07:00", zone); err == nil {
		_, seconds := offset.Zone()
		return time.FixedZone(zone, seconds), nil
	}
	location, err := time.LoadLocation(zone)
	if err != nil || zone == "Local" {
		return nil, wrong(path, "%.40q is no time zone: use UTC, an offset such as +02:00, or a name such as Europe/Berlin", zone)
	}
	return location, nil
}

func (s *stamp) append(dst []byte, at time.Time) []byte {
	switch s.format {
	case formatUnix:
		return strconv.AppendInt(dst, at.Unix(), 10)
	case formatUnixMilli:
		return strconv.AppendInt(dst, at.UnixMilli(), 10)
	default:
		return at.In(s.zone).AppendFormat(dst, s.format)
	}
}

// parse reads what append wrote.
func (s *stamp) parse(text string) (time.Time, error) {
	if s.format != formatUnix && s.format != formatUnixMilli {
		at, err := time.ParseInLocation(s.format, text, s.zone)
		if err != nil {
			return time.Time{}, refuse("", CodeTimestampInvalid, "the timestamp cannot be read")
		}
		return at, nil
	}
	number, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err != nil:
		return time.Time{}, refuse("", CodeTimestampInvalid, "the timestamp is no whole number")
	case s.format == formatUnixMilli:
		return time.UnixMilli(number), nil
	default:
		return time.Unix(number, 0), nil
	}
}

// same says whether two stamps write the same text for the same message.
func (s *stamp) same(other *stamp) bool {
	return s.format == other.format && s.ofEvent == other.ofEvent && s.zone.String() == other.zone.String()
}
