package api

import (
	"encoding/json"
	"strconv"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func deliveryRows(format string, headed bool) rowFormat[postback.Delivery] {
	if format == "jsonl" {
		return rowFormat[postback.Delivery]{spell: deliveryJSON}
	}
	rows := rowFormat[postback.Delivery]{spell: deliveryCSV}
	if headed {
		rows.heading = deliveryHeading
	}
	return rows
}

func attemptRows(format string, headed bool) rowFormat[postback.History] {
	if format == "jsonl" {
		return rowFormat[postback.History]{spell: attemptsJSON}
	}
	rows := rowFormat[postback.History]{spell: attemptsCSV}
	if headed {
		rows.heading = attemptHeading
	}
	return rows
}

// deliveryJSON appends a delivery's line: byte for byte what encoding/json
// makes of its client.Delivery, at a fraction of the price.
func deliveryJSON(out []byte, delivery *postback.Delivery) []byte {
	d := deliveryOf(*delivery)
	line := jsonLine{append(out, '{')}
	line.text("id", d.ID)
	line.text("message_id", d.MessageID)
	line.text("event_id", d.EventID)
	line.text("event_type", d.EventType)
	line.text("publisher", d.Publisher)
	line.text("endpoint_id", d.EndpointID)
	line.optional("reference", d.Reference)
	line.text("state", string(d.State))
	line.optional("reason", string(d.Reason))
	if d.Test {
		line.name("test")
		line.out = append(line.out, "true,"...)
	}
	line.number("generation", d.Generation)
	line.number("attempts", d.Attempts)
	if d.LastStatusCode != 0 {
		line.number("last_status_code", d.LastStatusCode)
	}
	line.optional("last_error", d.LastError)
	line.optionalTime("next_attempt_at", d.NextAttemptAt)
	line.time("created_at", d.CreatedAt)
	line.optionalTime("completed_at", d.CompletedAt)
	line.out[len(line.out)-1] = '}'
	return append(line.out, '\n')
}

// attemptLine is an attempt with what it belongs to.
type attemptLine struct {
	DeliveryID string `json:"delivery_id"`
	EventID    string `json:"event_id"`
	EventType  string `json:"event_type"`
	Publisher  string `json:"publisher"`
	EndpointID string `json:"endpoint_id"`
	Reference  string `json:"reference,omitempty"`
	client.Attempt
}

// attemptsJSON appends a line for each attempt.
func attemptsJSON(out []byte, history *postback.History) []byte {
	d := history.Delivery
	for _, attempt := range history.Attempts {
		out = appendJSON(out, attemptLine{
			DeliveryID: d.ID, EventID: d.EventID, EventType: d.EventType, Publisher: d.Publisher,
			EndpointID: d.EndpointID, Reference: d.Reference, Attempt: attemptOf(attempt),
		})
	}
	return out
}

// appendJSON appends a value and the end of its line.
func appendJSON(out []byte, value any) []byte {
	to := appender{out}
	encoder := json.NewEncoder(&to)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value) // Views hold nothing that has no JSON.
	return to.out
}

// appender is a Writer that appends.
type appender struct{ out []byte }

func (a *appender) Write(text []byte) (int, error) {
	a.out = append(a.out, text...)
	return len(text), nil
}

// jsonLine appends the members of an object, each with a comma behind it.
type jsonLine struct{ out []byte }

func (l *jsonLine) name(name string) {
	l.out = append(l.out, '"')
	l.out = append(l.out, name...)
	l.out = append(l.out, '"', ':')
}

func (l *jsonLine) text(name, text string) {
	l.name(name)
	if quotable(text) {
		l.out = append(l.out, '"')
		l.out = append(l.out, text...)
		l.out = append(l.out, '"', ',')
		return
	}
	l.out = appendJSON(l.out, text)
	l.out[len(l.out)-1] = ','
}

// quotable reports whether a text is its own JSON between quotes.
func quotable(text string) bool {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

func (l *jsonLine) optional(name, text string) {
	if text != "" {
		l.text(name, text)
	}
}

func (l *jsonLine) number(name string, n int) {
	l.name(name)
	l.out = append(strconv.AppendInt(l.out, int64(n), 10), ',')
}

func (l *jsonLine) time(name string, at client.Time) {
	l.name(name)
	l.out = at.UTC().AppendFormat(l.out, `"`+client.TimeFormat+`",`)
}

func (l *jsonLine) optionalTime(name string, at client.Time) {
	if !at.IsZero() {
		l.time(name, at)
	}
}
