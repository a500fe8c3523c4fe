package egress

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"
)

// DefaultTimeout is the total deadline of a Send that names none.
const DefaultTimeout = 15 * time.Second

// Request is what is sent. The URL and the body reach the wire byte by byte.
type Request struct {
	Method string // GET, POST, PUT, PATCH or DELETE
	URL    string // absolute, as it was signed
	Header http.Header
	Body   []byte
	// AwaitBody are the statuses whose body decides: it is awaited until the
	// timeout. Otherwise the status decides, and what comes of the body within
	// a second of it is taken along.
	AwaitBody []int
}

// bodyPatience is how long a body that decides nothing is read.
const bodyPatience = time.Second

// Result is what came of a request.
type Result struct {
	// Sent reports whether anything may have reached the receiver.
	Sent bool
	// StatusCode and Header are set when Failure is nil.
	StatusCode int
	Header     http.Header
	// Reused tells that the request went to a kept connection.
	Reused bool
	// Resent tells that a kept connection ended before any byte of an answer,
	// and that the request was sent again at once, on a new one.
	Resent bool
	// Body is the beginning of the answer's body, as it was sent (never
	// decompressed), and Truncated tells that there was or may have been more:
	// the cap, a broken connection or lack of time cut it.
	Body      []byte
	Truncated bool
	// Duration is the time from the call to its end.
	Duration time.Duration
	// SourceIP is the local address of the connection, if there was one.
	SourceIP netip.Addr
	// Failure is nil when a complete status and headers were received.
	Failure *Failure
}

// Send makes one request and waits for its answer, at most for the timeout
// ([DefaultTimeout] when it is not positive), which covers lookup, connection,
// TLS, headers and body.
//
// The status decides. Once a complete status and headers are there, Failure is
// nil, and a body that is cut by the cap, by the peer or by lack of time is
// Truncated: a receiver that has said 200 has said it.
//
// A receiver may close a kept connection at the moment in which it is used
// again. Then the request is sent once more, on a connection of its own.
func (c *Client) Send(ctx context.Context, request Request, timeout time.Duration) Result {
	start := time.Now()
	result := c.send(ctx, request, orDefault(timeout, DefaultTimeout))
	result.Duration = time.Since(start)
	return result
}

func (c *Client) send(ctx context.Context, request Request, timeout time.Duration) Result {
	target, refusal := c.checkRequest(request)
	if refusal != nil {
		return Result{Failure: refusal.failure()}
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, deadlinePassed)
	defer cancel()
	result, lost := c.exchange(ctx, c.transport, target, request, timeout)
	if lost && ctx.Err() == nil {
		sent := result.Sent
		result, _ = c.exchange(ctx, c.once, target, request, timeout)
		result.Sent, result.Resent = result.Sent || sent, sent
	}
	return result
}

// exchange sends a request once. It tells, too, whether the request was lost
// with a kept connection.
func (c *Client) exchange(
	ctx context.Context, transport *http.Transport, target *url.URL, request Request, timeout time.Duration,
) (result Result, lost bool) {
	ctx, abort := context.WithCancelCause(ctx)
	defer abort(nil)
	exchange := &exchange{abort: abort}
	response, err := transport.RoundTrip(c.wire(withCaller(httptrace.WithClientTrace(ctx, exchange.trace())), target, request))
	result.Sent, result.SourceIP, result.Reused = exchange.maySent(), exchange.source, exchange.conn != nil && exchange.reused
	if err != nil {
		result.Failure = sendFailure(ctx, exchange, err, timeout)
		return result, exchange.lost(err)
	}
	defer response.Body.Close()
	result.StatusCode, result.Header = response.StatusCode, response.Header
	if !slices.Contains(request.AwaitBody, response.StatusCode) {
		late := time.AfterFunc(bodyPatience, func() { abort(bodyLate) })
		defer late.Stop()
	}
	// What follows a 101 is no body, and reading it would heed no deadline.
	if response.StatusCode != http.StatusSwitchingProtocols {
		result.Body, result.Truncated = c.readBody(response.Body)
	}
	return result, false
}

func (c *Client) checkRequest(request Request) (*url.URL, *Refusal) {
	switch request.Method {
	case http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete:
	default:
		return nil, &Refusal{Code: CodeInvalidMethod, Field: "method", Message: "is not GET, POST, PUT, PATCH or DELETE"}
	}
	var refusal *Refusal
	if err := CheckHeaders(request.Header); errors.As(err, &refusal) {
		return nil, refusal
	}
	return c.checkSent(request.URL)
}

func (c *Client) wire(ctx context.Context, target *url.URL, request Request) *http.Request {
	// Names go out as the scheme spells them: some receivers look for just that.
	const userAgent = "User-Agent"
	header := http.Header{userAgent: {c.userAgent}}
	for name, values := range request.Header {
		if strings.EqualFold(name, userAgent) {
			name = userAgent // as net/http looks for it
		}
		header[name] = values
	}
	wire := &http.Request{
		Method: request.Method, URL: target, Host: target.Host, Header: header,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Body: http.NoBody,
	}
	if len(request.Body) > 0 {
		// The exchange decides when the transport may begin again.
		wire.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(request.Body)), nil }
		wire.Body, _ = wire.GetBody()
		wire.ContentLength = int64(len(request.Body))
	}
	return wire.WithContext(ctx)
}

// readBody reads to the end of a body that fits, so that its connection can be
// used again, and no further than the cap of one that does not.
func (c *Client) readBody(body io.Reader) ([]byte, bool) {
	read, err := io.ReadAll(io.LimitReader(body, c.maxReadBody+1))
	if int64(len(read)) > c.maxReadBody {
		return read[:c.maxReadBody], true
	}
	return read, err != nil
}

func sendFailure(ctx context.Context, exchange *exchange, err error, timeout time.Duration) *Failure {
	var failure *Failure
	why := context.Cause(ctx)
	switch {
	case errors.As(err, &failure):
		return failure
	case errors.Is(why, wouldRepeat):
		return failed(CodeClosed, wouldRepeat.Error())
	case errors.Is(why, deadlinePassed) && exchange.conn == nil:
		return failed(CodeConnectTimeout, fmt.Sprintf("no connection within %s", timeout))
	case errors.Is(why, deadlinePassed):
		return failed(CodeTimeout, fmt.Sprintf("no complete status within %s", timeout))
	case why != nil:
		return canceled()
	default:
		return exchangeFailure(err, exchange)
	}
}
