package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// KeySpec is what a new API key is made from.
type KeySpec struct {
	Name      string        `json:"name,omitempty" maxLength:"200"`
	Role      postback.Role `json:"role" enum:"admin,producer,publisher,viewer"`
	Publisher string        `json:"publisher,omitempty" maxLength:"200" doc:"Of a publisher's key, and only there"`
}

// Key is an API key without the key itself.
type Key struct {
	ID        string        `json:"id"`
	Name      string        `json:"name,omitempty"`
	Role      postback.Role `json:"role"`
	Publisher string        `json:"publisher,omitempty"`
	CreatedAt Time          `json:"created_at"`
	RevokedAt Time          `json:"revoked_at,omitzero"`
}

// CreatedKey is a new API key.
type CreatedKey struct {
	Key
	Token string `json:"key" doc:"The key itself, this once"`
}

// CreateKey makes an API key.
func (c *Client) CreateKey(ctx context.Context, spec KeySpec) (CreatedKey, error) {
	var answer CreatedKey
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/keys", body: spec}, &answer)
	return answer, err
}

// ListKeys returns all API keys, newest first, revoked ones too.
func (c *Client) ListKeys(ctx context.Context) ([]Key, error) {
	var answer Page[Key]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/keys"}, &answer)
	return answer.Items, err
}

// RevokeKey revokes a key.
func (c *Client) RevokeKey(ctx context.Context, id string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/v1/keys/" + url.PathEscape(id)}, nil)
}

// Egress returns the addresses that Waybill sends from, for publishers' allow
// lists.
func (c *Client) Egress(ctx context.Context) ([]string, error) {
	var answer struct {
		Addresses []string `json:"addresses"`
	}
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/egress"}, &answer)
	return answer.Addresses, err
}

// Health reports whether the process answers.
func (c *Client) Health(ctx context.Context) error {
	return c.do(ctx, call{method: http.MethodGet, path: "/healthz"}, nil)
}

// Ready reports whether Waybill can take events and send them.
func (c *Client) Ready(ctx context.Context) error {
	return c.do(ctx, call{method: http.MethodGet, path: "/readyz"}, nil)
}
