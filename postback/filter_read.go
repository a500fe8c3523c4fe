package postback

import (
	"slices"
	"strings"
	"time"
)

// Read makes the filter of what was given: CodeInvalid with the name of a field and
// what to give instead. The prefix goes before names of fields, and now is what
// ages are counted back from.
func (q DeliveryQuery) Read(prefix string, now time.Time) (DeliveryFilter, error) {
	r := filterReader{prefix: prefix, now: now}
	filter := DeliveryFilter{
		States:     known(&r, "state", "state", q.States, States()),
		EndpointID: r.text("endpoint", q.Endpoint),
		Publisher:  r.text("publisher", q.Publisher),
		EventID:    r.text("event", q.Event),
		EventType:  r.pattern("type", q.Type),
		Reference:  r.text("reference", q.Reference),
		Statuses:   r.statuses("status_code", q.StatusCode),
		Errors:     r.errors("error", q.Error),
		Reasons:    known(&r, "reason", "reason", q.Reason, Reasons()),
	}
	filter.Since, filter.Until = r.span(q.Since, q.Until)
	return filter, r.err
}

// ReadSpan reads the bounds of a range of time, each of which may be left out.
func ReadSpan(prefix string, since, until Text, now time.Time) (from, to time.Time, err error) {
	r := filterReader{prefix: prefix, now: now}
	from, to = r.span(since, until)
	return from, to, r.err
}

// filterReader reads what was given of a filter, up to the first error.
type filterReader struct {
	prefix string
	now    time.Time
	err    error
}

func (r *filterReader) refuse(field, format string, args ...any) {
	r.keep(Invalid(r.prefix+field, CodeInvalid, format, args...))
}

func (r *filterReader) keep(err error) {
	if r.err == nil {
		r.err = err
	}
}

func (r *filterReader) text(field string, given Text) string {
	if given == Given("") {
		r.refuse(field, "has no value; give one or leave it out")
	}
	r.keep(CheckText(r.prefix+field, given.text))
	return given.text
}

func (r *filterReader) pattern(field string, given Text) string {
	text := r.text(field, given)
	if text == "" {
		return text
	}
	r.keep(CheckPattern(r.prefix+field, text))
	return text
}

// each reads the names of a list, each of which may be several that are separated by
// commas, and none of which is kept twice.
func each[T ~string, V comparable](r *filterReader, field string, given []T, read func(name string) V) (values []V) {
	if given != nil && len(given) == 0 {
		r.refuse(field, "is an empty list: name at least one, or leave the field out")
	}
	for _, some := range given {
		for name := range strings.SplitSeq(string(some), ",") {
			if value := read(strings.TrimSpace(name)); !slices.Contains(values, value) {
				values = append(values, value)
			}
		}
	}
	return values
}

// known reads names of which there is a list.
func known[T ~string](r *filterReader, field, noun string, given, all []T) []T {
	return each(r, field, given, func(name string) T {
		checkKnown(r, field, noun, T(name), all)
		return T(name)
	})
}

func checkKnown[T ~string](r *filterReader, field, noun string, name T, all []T) {
	if !slices.Contains(all, name) {
		r.refuse(field, "invalid %s %.60q: %s", noun, name, unknown(name, all))
	}
}

// errors reads codes of errors. An answer that is no success may also be named by its
// status, such as status_503, as an endpoint's health does.
func (r *filterReader) errors(field string, given Names[string]) []string {
	return each(r, field, given, func(code string) string {
		number, byStatus := strings.CutPrefix(code, "status_")
		if first, last, ok := statusRange(number); !byStatus || !ok || first != last {
			checkKnown(r, field, "error code", code, ErrorCodes())
		}
		return code
	})
}

func (r *filterReader) statuses(field string, given Statuses) Statuses {
	return each(r, field, given, func(status string) string {
		if _, _, ok := statusRange(status); !ok {
			r.refuse(field, "invalid status %.60q: use a status from 100 to 599, or a class such as 5xx", status)
		}
		return status
	})
}

func (r *filterReader) span(since, until Text) (from, to time.Time) {
	from, to = r.moment("since", since), r.moment("until", until)
	if !to.IsZero() && to.Before(from) {
		r.refuse("until", "is before since")
	}
	return from, to
}

func (r *filterReader) moment(field string, given Text) time.Time {
	text := r.text(field, given)
	if text == "" {
		return time.Time{}
	}
	at, err := ParseWhen(text, r.now)
	switch {
	case err != nil && strings.Contains(text, " "):
		r.refuse(field, "%v; in a query, write + as %%2B", err)
	case err != nil:
		r.refuse(field, "%v", err)
	}
	return at
}
