package demo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// forgedTransaction is in every request that did not come from Waybill.
const forgedTransaction = "forged"

// forge sends requests with a wrong signature, past Waybill, to show that the
// receivers do look.
func (s *story) forge(ctx context.Context) error {
	s.screen.step("Forge a request",
		"Does a signature matter? These requests do not come from Waybill; whoever sends them would",
		"like to be paid, but has no secret.")
	target := s.cast.get(besitos).url + "/postback?transaction_id=" + forgedTransaction + "&verifier=" + strings.Repeat("0", 64)
	s.screen.shell("curl '" + target + "'")
	s.screen.receiptHeader()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for _, name := range []string{besitos, bitlabs, simpleswap} {
		answer, err := forgeTo(ctx, client, s.cast.get(name))
		if err != nil {
			return err
		}
		s.noted.forgeries = append(s.noted.forgeries, answer)
	}
	return nil
}

// forgeTo gives the status that the receiver answered.
func forgeTo(ctx context.Context, client *http.Client, r *receiver) (answer int, err error) {
	method, target, body := http.MethodGet, r.url+r.path, ""
	switch r.scheme {
	case besitos:
		target += "?transaction_id=" + forgedTransaction + "&verifier=" + strings.Repeat("0", 64)
	case bitlabs:
		target = r.url + "/callback?tx=" + forgedTransaction + "&hash=" + strings.Repeat("0", 40)
	default:
		method = http.MethodPost
		body = fmt.Sprintf(`{"messageId":%q,"publicId":%q,"status":"finished","verifyToken":%q}`,
			strings.Repeat("0", 32), forgedTransaction, strings.Repeat("0", 40))
	}
	request, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
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
