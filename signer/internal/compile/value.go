package compile

import (
	"cmp"
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/formula"
	"github.com/waybillhq/waybill/signer/internal/refusal"
)

// added checks a value that is sent besides the data.
func (c *compiler) added(path string, a *declare.Added) (Added, error) {
	if a.Name == "" {
		return Added{}, refusal.Wrong(path+".name", "is required")
	}
	if a.Value == "" {
		return Added{}, refusal.Wrong(path+".value", "is required")
	}
	kind, err := oneOf(path+".value", a.Value, declare.PartLiteral, declare.PartMessageID, declare.PartEventType, declare.PartTimestamp)
	if err != nil {
		return Added{}, err
	}
	made, err := compileValue(path, kind, a.Text, a.Format, a.Zone, a.Of)
	return Added{Name: a.Name, Value: made}, err
}

func compileValue(path, kind, text, format, zone, of string) (formula.Value, error) {
	made := formula.Value{Kind: kind, Text: text}
	if kind != declare.PartLiteral && text != "" {
		return made, refusal.Wrong(path+".text", "has no meaning with %s", kind)
	}
	for i := range len(text) {
		if text[i] < ' ' || text[i] == 0x7f {
			return made, refusal.Wrong(path+".text", "must not hold control characters")
		}
	}
	if kind != declare.PartTimestamp {
		return made, onlyFor(path, kind, setting{"format", format != ""}, setting{"zone", zone != ""}, setting{"of", of != ""})
	}
	var err error
	made.Stamp, err = compileStamp(path, format, zone, of)
	return made, err
}

// compileStamp checks format, zone and origin of a timestamp. It proves a
// layout with a time that has no two equal elements.
func compileStamp(path, format, zone, of string) (formula.Stamp, error) {
	compiled := formula.Stamp{Format: cmp.Or(format, declare.FormatUnix), Zone: time.UTC}
	origin, err := oneOf(path+".of", of, "attempt", "event")
	if err != nil {
		return formula.Stamp{}, err
	}
	compiled.OfEvent = origin == "event"
	if compiled.Zone, err = readZone(path+".zone", zone); err != nil {
		return formula.Stamp{}, err
	}
	if compiled.Format == declare.FormatRFC3339 {
		compiled.Format = time.RFC3339
	}
	probe := time.Date(2021, time.November, 23, 14, 35, 46, 0, time.UTC)
	read, err := compiled.Parse(string(compiled.Append(nil, probe)))
	if err != nil || !read.Equal(probe) {
		return formula.Stamp{}, refusal.Wrong(path+".format", "%.40q does not tell a time to the second: use unix, unix_milli, rfc3339 or a layout such as 20060102150405", format)
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
		return nil, refusal.Wrong(path, "%.40q is no time zone: use UTC, an offset such as +02:00, or a name such as Europe/Berlin", zone)
	}
	return location, nil
}
