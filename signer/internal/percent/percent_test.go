package percent_test

import (
	"testing"

	"github.com/waybillhq/waybill/signer/internal/percent"
)

// What PHP, JavaScript and .NET write themselves.
func TestEncodings(t *testing.T) {
	t.Parallel()
	const text = "a b-._~!'()*+/\u00e9"
	for encoding, want := range map[percent.Encoding]string{
		percent.RFC3986:   "a%20b-._~%21%27%28%29%2A%2B%2F%C3%A9", // rawurlencode
		percent.RFC1738:   "a+b-._%7E%21%27%28%29%2A%2B%2F%C3%A9", // urlencode
		percent.Form:      "a+b-._%7E%21%27%28%29*%2B%2F%C3%A9",   // URLSearchParams
		percent.Component: "a%20b-._~!'()*%2B%2F%C3%A9",           // encodeURIComponent
		percent.DotNet:    "a+b-._%7e!%27()*%2b%2f%c3%a9",         // HttpUtility.UrlEncode
	} {
		if got := string(encoding.Append(nil, []byte(text))); got != want {
			t.Errorf("encoding %d: got %s, want %s", encoding, got, want)
		}
	}
}
