package demo

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer"
)

// forgedTransaction is in every request that did not come from Waybill.
const forgedTransaction = "forged"

// forge sends requests with a wrong signature, past Waybill, to show that the
// receivers do look.
func (s *story) forge(ctx context.Context) error {
	s.screen.step("Forge a request",
		"Does a signature matter? These requests do not come from Waybill; whoever sends them would",
		"like to be paid, but has no secret.")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for i, name := range []string{besitos, bitlabs, simpleswap} {
		forged, err := forgery(s.cast.get(name))
		if err != nil {
			return err
		}
		if i == 0 {
			s.screen.shell("curl '" + forged.URL + "'")
			s.screen.receiptHeader()
		}
		answer, err := forgeTo(ctx, client, forged)
		if err != nil {
			return err
		}
		s.noted.forgeries = append(s.noted.forgeries, answer)
	}
	return nil
}

// forgery is what somebody sends who knows all of a receiver but its secret.
func forgery(r *receiver) (signer.Request, error) {
	scheme, err := signer.Define(r.scheme)
	if err != nil {
		return signer.Request{}, fmt.Errorf("forge request: %w", err)
	}
	message := signer.Message{
		ID: strings.Repeat("0", 32), Type: scheme.EventType(),
		Data: []byte(`{"status":"finished","` + scheme.Declaration().Reference + `":"` + forgedTransaction + `"}`),
	}
	forged, err := scheme.Sign(signer.Target{URL: r.url + r.path}, message, []string{"a-guess"}, time.Time{})
	if err != nil {
		return signer.Request{}, fmt.Errorf("forge request: %w", err)
	}
	return forged, nil
}

// forgeTo gives the status that the receiver answered.
func forgeTo(ctx context.Context, client *http.Client, forged signer.Request) (answer int, err error) {
	request, err := http.NewRequestWithContext(ctx, forged.Method, forged.URL, bytes.NewReader(forged.Body))
	if err != nil {
		return 0, fmt.Errorf("make forged request: %w", err)
	}
	response, err := client.Do(request)
	if err != nil {
		return 0, fmt.Errorf("send forged request: %w", err)
	}
	defer response.Body.Close()
	if _, err := io.Copy(io.Discard, response.Body); err != nil {
		return 0, fmt.Errorf("read answer to forged request: %w", err)
	}
	return response.StatusCode, nil
}
