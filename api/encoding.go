package api

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/waybillhq/waybill/postback"
)

// decodeBody undoes the body's Content-Encoding. The limit holds for what comes
// out, too: a small body may unpack to a huge one.
func decodeBody(r *http.Request, body []byte, limit int64) ([]byte, error) {
	switch encoding := strings.ToLower(strings.Join(r.Header.Values("Content-Encoding"), ", ")); encoding {
	case "", "identity":
		if bytes.HasPrefix(body, []byte("\x1f\x8b")) {
			return nil, postback.Failure(postback.CodeInvalid, `the body is compressed with gzip: say so in the header "Content-Encoding: gzip"`)
		}
		return body, nil
	case "gzip", "x-gzip":
		return unzip(body, limit)
	default:
		return nil, postback.Failure(postback.CodeInvalid, "invalid Content-Encoding %.40q: use gzip, or send the body as it is", encoding)
	}
}

func unzip(body []byte, limit int64) ([]byte, error) {
	reader, err := gzip.NewReader(bytes.NewReader(body))
	if err != nil {
		return nil, postback.Failure(postback.CodeInvalid, "the body is not gzip, as its Content-Encoding says")
	}
	plain, err := io.ReadAll(io.LimitReader(reader, limit+1))
	switch {
	case int64(len(plain)) > limit:
		return nil, tooLarge(limit)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil, postback.Failure(postback.CodeInvalid, "the gzip body ends too early")
	case err != nil:
		return nil, postback.Failure(postback.CodeInvalid, "the gzip body is damaged")
	}
	return plain, nil
}

func tooLarge(limit int64) error {
	return postback.Failure(postback.CodeTooLarge, "the body is too large: send at most %d bytes", limit)
}
