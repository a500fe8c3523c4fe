package receivertest_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

const (
	seed      = 20260726
	perScheme = 2000 // events; each goes to every receiver of the scheme
	perBatch  = 100
	second    = postback.Duration(time.Second)
)

// publisher is a receiver with its endpoint.
type publisher struct {
	receiver

	host     string
	address  string // where it listens
	secret   string
	endpoint string // id
}

// stage is the engine with every receiver as an endpoint.
type stage struct {
	api        *client.Client
	publishers []*publisher
}

func setup(t *testing.T) *stage {
	t.Helper()
	n := newTunnel(t)
	s := &stage{api: startEngine(t, n)}
	for i, r := range receivers() {
		s.publishers = append(s.publishers, &publisher{receiver: r, host: fmt.Sprintf("127.0.1.%d", i+1), secret: newSecret(t, r.scheme)})
	}
	var group sync.WaitGroup
	for _, p := range s.publishers {
		group.Go(func() {
			p.address = startReceiver(t, p.receiver, p.host, p.secret)
			n.lead(p.host, p.address)
		})
	}
	group.Wait()
	for _, p := range s.publishers {
		made, err := s.api.CreateEndpoint(t.Context(), client.EndpointSpec{
			Publisher: p.scheme, Scheme: p.scheme, Secret: p.secret,
			EndpointSettings: postback.EndpointSettings{
				URL: "http://" + p.host + p.path, AllowEmpty: []string{signer.AnyMacro},
				Retry: postback.RetryPolicy{Schedule: []postback.Duration{second, second, second}},
			},
		})
		if err != nil {
			t.Fatalf("%s: %v", p.name, err)
		}
		p.endpoint = made.ID
	}
	return s
}

func newSecret(t *testing.T, scheme string) string {
	t.Helper()
	secret, err := signer.GenerateSecret(scheme, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return secret
}

func (s *stage) schemes() []string {
	var all []string
	for _, p := range s.publishers {
		all = append(all, p.scheme)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// send sends the events of a scheme, all of which must be accepted.
func (s *stage) send(t *testing.T, scheme string, stream uint64) {
	t.Helper()
	from := newSource(seed, stream)
	for first := 0; first < perScheme; first += perBatch {
		var lines bytes.Buffer
		for i := range perBatch {
			fmt.Fprintf(&lines, `{"id":"%s-%d","type":"conversion.completed","publisher":%q,"data":%s}`+"\n",
				scheme, first+i, scheme, data(from, scheme))
		}
		written := lines.String()
		results, err := s.api.SendLines(t.Context(), &lines)
		if err != nil {
			t.Errorf("seed %d: send %s: %v", seed, scheme, err)
			return
		}
		for i, result := range results {
			if result.Status != http.StatusAccepted {
				line := bytes.Split([]byte(written), []byte("\n"))[i]
				t.Errorf("seed %d: event %d of %s was refused: %+v\n%.2000s", seed, first+i, scheme, result.Error, line)
			}
		}
	}
}

// settle waits until every delivery has ended.
func (s *stage) settle(t *testing.T) {
	t.Helper()
	eventually(t, 5*time.Minute, 250*time.Millisecond, "every delivery ends", func() bool {
		for _, state := range []postback.State{postback.Pending, postback.Retrying, postback.Parked} {
			page, err := s.api.ListDeliveries(t.Context(), client.DeliveryFilter{States: []postback.State{state}}, client.PageRequest{Limit: 1})
			if err != nil || len(page.Items) > 0 {
				return false
			}
		}
		return true
	})
}

func TestEveryReceiverAcceptsWhatTheAPIAccepts(t *testing.T) {
	t.Parallel()
	started := time.Now()
	s := setup(t)
	ready := time.Now()
	var group sync.WaitGroup
	for i, scheme := range s.schemes() {
		group.Go(func() { s.send(t, scheme, uint64(i)) })
	}
	group.Wait()
	sent := time.Now()
	s.settle(t)
	t.Logf("%d receivers ready in %s, events accepted in %s, delivered %s later",
		len(s.publishers), ready.Sub(started), sent.Sub(ready), time.Since(sent))
	for _, p := range s.publishers {
		t.Run(p.name, func(t *testing.T) {
			s.checkAll(t, p)
			s.checkForgeries(t, p)
		})
	}
}

// checkAll fails unless the receiver took each event, and refused none. A
// connection that fails on a busy machine is no refusal: it is tried again.
func (s *stage) checkAll(t *testing.T, p *publisher) {
	t.Helper()
	stream, err := s.api.ExportDeliveries(t.Context(), client.DeliveryFilter{Endpoint: postback.Given(p.endpoint)}, "jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer stream.Close()
	taken, again, refused := 0, 0, 0
	decoder := json.NewDecoder(stream)
	for decoder.More() {
		var delivery client.Delivery
		if err := decoder.Decode(&delivery); err != nil {
			t.Fatal(err)
		}
		if delivery.State == postback.Succeeded {
			taken++
		}
		if delivery.Attempts != 1 {
			again++
			refused += s.refusals(t, delivery.ID, refused < 3)
		}
	}
	if taken != perScheme || refused > 0 {
		t.Errorf("seed %d: %d events accepted, %d answers that were no yes; want %d and none", seed, taken, refused, perScheme)
	}
	t.Logf("%d events accepted, %d of them tried again", taken, again)
}

// refusals counts the answers other than 200 to a delivery, and may show them.
func (s *stage) refusals(t *testing.T, id string, show bool) int {
	t.Helper()
	shown, err := s.api.GetDelivery(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, attempt := range shown.Attempts {
		if attempt.StatusCode == 0 && attempt.Outcome != postback.OutcomeRefused || attempt.Outcome == postback.OutcomeSucceeded {
			continue
		}
		if count++; show {
			t.Logf("%s: %s, status %d, %+v\n%s\n%.5000s", id, attempt.Outcome, attempt.StatusCode, attempt.Error,
				attempt.Request.URL, attempt.Request.Body)
		}
	}
	return count
}
