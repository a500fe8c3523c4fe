package receivertest_test

import (
	"context"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
	"github.com/waybillhq/waybill/signer"
)

// forgedPerReceiver is how many deliveries are repeated, changed and signed anew.
const forgedPerReceiver = 5

// checkForgeries takes deliveries out of the history and makes them again, past
// Waybill: as they were, with a changed byte, and with another secret.
func (s *stage) checkForgeries(t *testing.T, p *publisher) {
	t.Helper()
	page, err := s.api.ListDeliveries(t.Context(), client.DeliveryFilter{Endpoint: postback.Given(p.endpoint)}, client.PageRequest{Limit: forgedPerReceiver})
	if err != nil || len(page.Items) != forgedPerReceiver {
		t.Fatalf("%d deliveries: %v", len(page.Items), err)
	}
	from := newSource(seed, 99)
	for _, item := range page.Items {
		delivery, err := s.api.GetDelivery(t.Context(), item.ID)
		if err != nil {
			t.Fatal(err)
		}
		event, err := s.api.GetEvent(t.Context(), item.EventID)
		if err != nil {
			t.Fatal(err)
		}
		delivered := wire(delivery.Attempts[0].Request)
		p.expect(t, "what was delivered", delivered, http.StatusOK)
		p.expect(t, "a changed byte", changed(from, p.scheme, delivered), http.StatusForbidden)
		p.expect(t, "a changed signature", tampered(p.scheme, delivered), http.StatusForbidden)
		p.expect(t, "no signature", unsigned(p.scheme, delivered), http.StatusForbidden)
		p.expect(t, "another secret", s.signedWithAnother(t, p, item, event), http.StatusForbidden)
	}
}

func wire(sent client.AttemptRequest) signer.Request {
	request := signer.Request{Method: sent.Method, URL: sent.URL, Header: http.Header{}, Body: []byte(sent.Body)}
	for name, value := range sent.Headers {
		request.Header.Set(name, value)
	}
	return request
}

// signatureOf is the mark behind which the signature stands, in a URL or a body.
func signatureOf(scheme string) string {
	return map[string]string{"besitos": "&verifier=", "bitlabs": "&hash=", "simpleswap": `"verifyToken":"`}[scheme]
}

// changed changes one byte that is signed: in a value of the query, in the id of
// an exchange's message, in a body that is signed as it is. An escape stays what
// it is, for a receiver that decodes it sees the same in "%2f" and "%2F".
func changed(s source, scheme string, request signer.Request) signer.Request {
	switch scheme {
	case "besitos", "bitlabs":
		first, last := strings.IndexByte(request.URL, '?'), strings.LastIndex(request.URL, signatureOf(scheme))
		request.URL = changeByte(s, request.URL, strings.IndexByte(request.URL[first:], '=')+first, last)
	case "simpleswap":
		start := len(`{"messageId":"`)
		request.Body = []byte(changeByte(s, string(request.Body), start, start+32))
	default:
		request.Body = append(request.Body[:len(request.Body)-1], " }"...)
	}
	return request
}

// changeByte changes a digit between two places that is no part of an escape.
func changeByte(s source, text string, first, last int) string {
	for {
		i := first + s.IntN(last-first)
		if c := text[i]; c < '0' || c > '9' || text[i-1] == '%' || text[i-2] == '%' {
			continue
		}
		return text[:i] + string('0'+(text[i]-'0'+1)%10) + text[i+1:]
	}
}

// tampered changes the last character of the signature.
func tampered(scheme string, request signer.Request) signer.Request {
	flip := func(text string, i int) string {
		other := byte('0')
		if text[i] == other {
			other = '1'
		}
		return text[:i] + string(other) + text[i+1:]
	}
	switch scheme {
	case "besitos", "bitlabs":
		request.URL = flip(request.URL, len(request.URL)-1)
	case "simpleswap":
		request.Body = []byte(flip(string(request.Body), len(request.Body)-len(`0"}`)))
	default:
		request.Header = request.Header.Clone()
		list := request.Header.Get("Webhook-Signature")
		request.Header.Set("Webhook-Signature", flip(list, len(list)-5)) // the last ones are padding
	}
	return request
}

// unsigned empties the signature.
func unsigned(scheme string, request signer.Request) signer.Request {
	switch mark := signatureOf(scheme); scheme {
	case "besitos", "bitlabs":
		request.URL = request.URL[:strings.LastIndex(request.URL, mark)+len(mark)]
	case "simpleswap":
		body := string(request.Body)
		request.Body = []byte(body[:strings.LastIndex(body, mark)+len(mark)] + `"}`)
	default:
		request.Header = request.Header.Clone()
		request.Header.Set("Webhook-Signature", "v1,")
	}
	return request
}

func (s *stage) signedWithAnother(t *testing.T, p *publisher, of client.Delivery, event client.EventDetail) signer.Request {
	t.Helper()
	scheme, err := signer.Lookup(p.scheme)
	if err != nil {
		t.Fatal(err)
	}
	request, err := scheme.Sign(
		signer.Target{URL: "http://" + p.host + p.path},
		signer.Message{ID: of.MessageID, Type: event.Type, OccurredAt: event.AcceptedAt.Time, Data: event.Data},
		[]string{newSecret(t, p.scheme)}, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return request
}

// expect sends a request to where the receiver listens.
func (p *publisher) expect(t *testing.T, what string, request signer.Request, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	made, err := http.NewRequestWithContext(ctx, request.Method, request.URL, strings.NewReader(string(request.Body)))
	if err != nil {
		t.Fatal(err)
	}
	made.Host, made.URL.Host = p.host, p.address
	maps.Copy(made.Header, request.Header)
	made.Close = true
	answer, err := http.DefaultClient.Do(made)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	answer.Body.Close()
	if answer.StatusCode != status {
		t.Errorf("%s: status %d, want %d: %.500s %.500s", what, answer.StatusCode, status, request.URL, request.Body)
	}
}
