package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// DefaultTimeout bounds a call whose context has no deadline. It is longer
// than the longest attempt (60 s), which an example call waits for.
const DefaultTimeout = 90 * time.Second

// maxAnswer bounds the bytes that a JSON answer may have.
const maxAnswer = 256 << 20

// Client calls one Waybill. It is safe for concurrent use.
type Client struct {
	base    string
	key     string
	http    *http.Client
	timeout time.Duration
	agent   string
}

// Option changes how a Client calls.
type Option func(*Client)

// WithHTTPClient calls through another HTTP client, for instance one with a
// private root certificate. Its redirect policy applies.
func WithHTTPClient(client *http.Client) Option {
	return func(c *Client) { c.http = client }
}

// WithTimeout bounds calls whose context has no deadline; zero means no bound.
// Exports are not bounded.
func WithTimeout(timeout time.Duration) Option {
	return func(c *Client) { c.timeout = timeout }
}

// WithUserAgent sets the User-Agent header.
func WithUserAgent(agent string) Option {
	return func(c *Client) { c.agent = agent }
}

// New makes a client of the Waybill at baseURL, such as
// "http://127.0.0.1:8480". The key may be empty for Health and Ready.
func New(baseURL, key string, opts ...Option) (*Client, error) {
	parsed, err := url.Parse(baseURL)
	if err != nil || (parsed.Scheme != "http" && parsed.Scheme != "https") || parsed.Hostname() == "" {
		return nil, errors.New("invalid base URL: use http:// or https:// and a host")
	}
	if parsed.User != nil || parsed.RawQuery != "" || parsed.Fragment != "" {
		return nil, errors.New("the base URL must have no user, query or fragment")
	}
	if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return nil, errors.New("the API key holds a space or a character that no key has")
	}
	c := &Client{
		base:    strings.TrimRight(parsed.String(), "/"),
		key:     key,
		timeout: DefaultTimeout,
		agent:   "waybill-client",
	}
	for _, apply := range opts {
		apply(c)
	}
	if c.http == nil {
		c.http = newHTTPClient()
	}
	return c, nil
}

func newHTTPClient() *http.Client {
	dialer := &net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			Proxy:               http.ProxyFromEnvironment,
			DialContext:         dialer.DialContext,
			ForceAttemptHTTP2:   true,
			MaxIdleConnsPerHost: 100,
			IdleConnTimeout:     90 * time.Second,
			TLSHandshakeTimeout: 10 * time.Second,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// Close closes idle connections. Calls under way go on.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// call is one request: what a method asks for.
type call struct {
	method      string
	path        string
	query       url.Values
	body        any       // encoded as JSON
	raw         io.Reader // instead of body
	contentType string    // of raw
	plain       bool      // the answer must not be compressed on its way
}

// do makes the call and decodes a 2xx answer into answer, unless that is nil.
func (c *Client) do(ctx context.Context, what call, answer any) error {
	if _, bounded := ctx.Deadline(); !bounded && c.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, c.timeout, fmt.Errorf("no answer within %s: %w", c.timeout, context.DeadlineExceeded))
		defer cancel()
	}
	response, err := c.send(ctx, what)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	defer readRest(response.Body)
	if answer == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(response.Body, maxAnswer)).Decode(answer); err != nil {
		return fmt.Errorf("read the answer of %s %s: %w", what.method, what.path, notWaybill(response, err))
	}
	return nil
}

// notWaybill says of an answer that cannot be read when it is that of another
// kind of server.
func notWaybill(response *http.Response, err error) error {
	kind, _, _ := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if kind == "application/json" {
		return err
	}
	return fmt.Errorf("it is %q and not JSON: is %s a Waybill?", kind, response.Request.URL.Host)
}

// readRest reads what a decoder leaves of an answer, its end above all: only
// then is the connection used again.
func readRest(body io.Reader) {
	const most = 64 << 10
	_, _ = io.CopyN(io.Discard, body, most)
}

// send makes the call and returns a 2xx answer; any other is a *Problem.
func (c *Client) send(ctx context.Context, what call) (*http.Response, error) {
	request, err := c.newRequest(ctx, what)
	if err != nil {
		return nil, err
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, fmt.Errorf("call waybill: %w", err)
	}
	if response.StatusCode < 200 || response.StatusCode > 299 {
		defer response.Body.Close()
		return nil, readProblem(response)
	}
	return response, nil
}

func (c *Client) newRequest(ctx context.Context, what call) (*http.Request, error) {
	body, contentType := what.raw, what.contentType
	if what.body != nil {
		encoded, err := encode(what.body)
		if err != nil {
			return nil, err
		}
		body, contentType = bytes.NewReader(encoded), "application/json"
	}
	target := c.base + what.path
	if len(what.query) > 0 {
		target += "?" + what.query.Encode()
	}
	request, err := http.NewRequestWithContext(ctx, what.method, target, body)
	if err != nil {
		return nil, fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("User-Agent", c.agent)
	if what.plain {
		request.Header.Set("Accept-Encoding", "identity")
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	if c.key != "" {
		request.Header.Set("Authorization", "Bearer "+c.key)
	}
	return request, nil
}

// encode leaves <, > and & as they are, so that data arrives as it was given.
func encode(body any) ([]byte, error) {
	var buffer bytes.Buffer
	encoder := json.NewEncoder(&buffer)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(body); err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return buffer.Bytes(), nil
}
