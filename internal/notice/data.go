package notice

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/waybillhq/waybill/postback"
)

// subject is what every event says of the endpoint.
type subject struct {
	EndpointID string `json:"endpoint_id"`
	Publisher  string `json:"publisher"`
	Host       string `json:"host"` // of its URL; the rest may identify a user
}

// endpointData is the data of the events about an endpoint.
type endpointData struct {
	subject
	State     postback.EndpointState `json:"state"`
	Reason    string                 `json:"reason,omitempty"` // of a disabled one
	At        stamp                  `json:"at"`
	Since     stamp                  `json:"since,omitzero"` // the first failure
	Failures  int                    `json:"failures"`
	LastError string                 `json:"last_error,omitempty"`
}

// deadData is the data of the event about dead letters.
type deadData struct {
	subject
	Count      int                     `json:"count"`
	Reasons    map[postback.Reason]int `json:"reasons"`
	FirstAt    stamp                   `json:"first_at"`
	LastAt     stamp                   `json:"last_at"`
	Deliveries []string                `json:"deliveries"` // a few of them
}

// outageData is the data of the events about our own way out.
type outageData struct {
	Process    string `json:"process"` // that said so first
	Reason     string `json:"reason"`
	Message    string `json:"message"`
	At         stamp  `json:"at"`
	Since      stamp  `json:"since"`
	Deliveries int    `json:"held_deliveries"` // until then
	Endpoints  int    `json:"held_endpoints"`
}

// stamp is a time as the API spells it.
type stamp struct{ time.Time }

// MarshalJSON writes RFC 3339 in UTC with milliseconds.
func (s stamp) MarshalJSON() ([]byte, error) {
	return []byte(s.UTC().Format(`"2006-01-02T15:04:05.000Z07:00"`)), nil
}

// dataOf is what an event says.
func dataOf(notice postback.Notice, endpoint postback.Endpoint) (json.RawMessage, error) {
	of := subject{EndpointID: endpoint.ID, Publisher: endpoint.Publisher, Host: postback.HostOf(endpoint.URL)}
	var data any
	switch {
	case notice.Outage != nil:
		data = outageData{
			Process: notice.Outage.Process, Reason: notice.Outage.Reason, Message: notice.Outage.Message,
			At: stamp{notice.At}, Since: stamp{notice.Since}, Deliveries: notice.Outage.Deliveries, Endpoints: notice.Outage.Endpoints,
		}
	case notice.Dead != nil:
		data = deadData{
			subject: of, Count: notice.Count, Reasons: notice.Dead.Reasons,
			FirstAt: stamp{notice.Since}, LastAt: stamp{notice.At}, Deliveries: notice.Dead.Deliveries,
		}
	default:
		data = endpointData{
			subject: of, State: stateAfter(notice), Reason: notice.Reason,
			At: stamp{notice.At}, Since: stamp{notice.Since}, Failures: notice.Count, LastError: notice.LastError,
		}
	}
	text, err := postback.EncodeJSON(data)
	if err != nil {
		return nil, fmt.Errorf("encode alert: %w", err)
	}
	return text, nil
}

// stateAfter is the endpoint's state when it happened, which may not be its
// state now.
func stateAfter(notice postback.Notice) postback.EndpointState {
	if notice.Type == postback.NoticeDisabled {
		return postback.EndpointDisabled
	}
	return postback.EndpointEnabled
}
