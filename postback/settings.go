package postback

import (
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Defaults and bounds of an endpoint's attempt timeout, which covers the whole
// attempt from name lookup to the last byte read.
const (
	DefaultTimeout = 15 * time.Second
	MaxTimeout     = 60 * time.Second
)

// EndpointSettings are what an operator gives an endpoint. They are one object in
// the API and one column of the ledger, and each is declared here alone: its JSON
// name, the form that a request is checked for, and what the API's description says
// of it: in a new endpoint (doc), in a change (change) and where an endpoint is shown
// (shown). Null in a change brings back what a new endpoint has if the description
// says so.
type EndpointSettings struct {
	URL         string            `json:"url" maxLength:"2048" doc:"For some schemes a template with macros"`
	Method      string            `json:"method,omitempty" minLength:"1" doc:"Left out: the scheme's own"`
	EventTypes  []string          `json:"event_types,omitzero" maxItems:"100" nullable:"false" doc:"Patterns such as conversion.*; none means every type" change:"null: every type" shown:"Patterns; none means every type"`
	Retry       RetryPolicy       `json:"retry,omitzero" doc:"Left out: the scheme's own" change:"The whole policy: what it leaves out is as in a new endpoint's, not as before; null: the scheme's own"`
	Timeout     Duration          `json:"timeout,omitempty" example:"15s" doc:"Of a whole attempt, at most 60s; left out: 15s"`
	Headers     map[string]string `json:"headers,omitempty" doc:"Sent beside the scheme's own" change:"All of them; null: none" shown:"Values that look like credentials are masked"`
	Expect      *Expect           `json:"expect,omitempty" doc:"Of the body of a successful answer; left out: anything" change:"The whole expectation; null: none" shown:"Of the body of a successful answer"`
	MaxInFlight int               `json:"max_in_flight,omitempty" minimum:"0" maximum:"1024" doc:"Attempts at once in each process; 0: the server's default" change:"null, 0: the server's default" shown:"Left out: the server's default"`
	RateLimit   *RateLimit        `json:"rate_limit,omitempty" doc:"Over all processes; left out, 0: none" change:"The whole limit; null, 0: none"`
	OrderBy     string            `json:"order_by,omitempty" maxLength:"200" example:"tx" doc:"A field of the events' data: deliveries with the same value go one after another. Left out: all at once" change:"null: none"`
	AllowEmpty  []string          `json:"allow_empty,omitempty" maxItems:"100" nullable:"false" example:"[\"REF\"]" doc:"Macros of the URL that may be sent without a value, by their names; * means all. An event that leaves another one without a value is not sent there" change:"All of them; null: no macro" shown:"Macros of the URL that may be sent without a value; * means all"`
	Description string            `json:"description,omitempty" maxLength:"1000" change:"null: none"`
	// SuccessStatuses are the answers that count as success; none: 200 alone.
	SuccessStatuses []int `json:"success_statuses,omitempty" nullable:"false" example:"[200,204]" doc:"Statuses from 200 to 299 that are success, where the scheme lets receivers choose; only an admin's key gives others than 200. Left out: [200]" change:"All of them; null: [200]" shown:"Statuses that are success. Left out: [200]"`
}

// Successes are the statuses that count as success.
func (s EndpointSettings) Successes() []int {
	if len(s.SuccessStatuses) == 0 {
		return []int{http.StatusOK}
	}
	return s.SuccessStatuses
}

// IsSuccess reports whether an answer's status counts as success.
func (s EndpointSettings) IsSuccess(status int) bool { return slices.Contains(s.Successes(), status) }

// BodyDecides are the statuses of answers that succeed only with the body that is
// expected.
func (s EndpointSettings) BodyDecides() []int {
	if s.Expect == nil {
		return nil
	}
	return s.Successes()
}

// SuccessText is the statuses in words: "200", or "200 or 204".
func (s EndpointSettings) SuccessText() string {
	words := make([]string, 0, len(s.Successes()))
	for _, status := range s.Successes() {
		words = append(words, strconv.Itoa(status))
	}
	return strings.Join(words, " or ")
}

// WidensSuccess reports whether other answers than 200 were chosen.
func (s EndpointSettings) WidensSuccess() bool {
	return slices.ContainsFunc(s.Successes(), func(status int) bool { return status != http.StatusOK })
}

// Setting is one of the settings of an endpoint, as it is described.
type Setting struct {
	Name   string // in JSON
	Change string // in a change
	Shown  string // where an endpoint is shown
}

// Clears reports whether null in a change brings back what a new endpoint has.
func (s Setting) Clears() bool { return strings.Contains(s.Change, "null") }

// SettingsOfEndpoint lists the settings of an endpoint, in their order.
func SettingsOfEndpoint() []Setting {
	var all []Setting
	for field := range reflect.TypeFor[EndpointSettings]().Fields() {
		all = append(all, settingOf(field))
	}
	return all
}

func settingOf(field reflect.StructField) Setting {
	return Setting{Name: memberName(field), Change: field.Tag.Get("change"), Shown: field.Tag.Get("shown")}
}

// memberName is a field's name in JSON.
func memberName(field reflect.StructField) string {
	name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
	return name
}
