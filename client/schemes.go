package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/waybillhq/waybill/postback"
)

// Scheme is a scheme that endpoints may choose.
type Scheme struct {
	Name        string                `json:"name" example:"besitos"`
	Description string                `json:"description,omitempty"`
	Source      string                `json:"source,omitempty" doc:"Where the network documents its formula"`
	Methods     []string              `json:"methods" nullable:"false" doc:"The default first"`
	Origin      postback.SchemeOrigin `json:"origin" enum:"built_in,file,api"`
}

// CreateScheme declares a scheme: signer.Declaration in JSON. The same
// declaration again is no error; another one under its name is
// postback.CodeConflict.
func (c *Client) CreateScheme(ctx context.Context, declaration json.RawMessage) (Scheme, error) {
	var answer Scheme
	err := c.do(ctx, call{method: http.MethodPost, path: "/v1/schemes", body: declaration}, &answer)
	return answer, err
}

// ListSchemes returns all schemes, by their names.
func (c *Client) ListSchemes(ctx context.Context) ([]Scheme, error) {
	var answer Page[Scheme]
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/schemes"}, &answer)
	return answer.Items, err
}

// GetScheme returns one scheme.
func (c *Client) GetScheme(ctx context.Context, name string) (Scheme, error) {
	var answer Scheme
	err := c.do(ctx, call{method: http.MethodGet, path: "/v1/schemes/" + url.PathEscape(name)}, &answer)
	return answer, err
}

// DeleteScheme deletes a scheme that was declared by the API. While endpoints use
// it, and for any other scheme, it is postback.CodeConflict.
func (c *Client) DeleteScheme(ctx context.Context, name string) error {
	return c.do(ctx, call{method: http.MethodDelete, path: "/v1/schemes/" + url.PathEscape(name)}, nil)
}
