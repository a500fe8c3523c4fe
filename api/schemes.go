package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func schemeOf(s postback.Scheme) client.Scheme {
	return client.Scheme(s)
}

type createSchemeInput struct {
	Body map[string]json.RawMessage `doc:"The declaration: the members of a declaration file"`
}

type schemeInput struct {
	Name string `path:"name"`
}

type schemeOutput struct {
	Body client.Scheme
}

func (s *server) routeSchemes() {
	create := operation("create-scheme", http.MethodPost, "/v1/schemes", "Declare a scheme; it can be used at once and never changes while endpoints use it")
	create.DefaultStatus = http.StatusCreated
	add(s, create, admins(), s.createScheme)
	add(s, operation("list-schemes", http.MethodGet, "/v1/schemes", "List the schemes that endpoints may choose, by name"), readers(), s.listSchemes)
	add(s, operation("get-scheme", http.MethodGet, "/v1/schemes/{name}", "Show one scheme"), readers(), s.getScheme)
	add(s, operation("delete-scheme", http.MethodDelete, "/v1/schemes/{name}", "Delete a scheme that was declared here and that no endpoint uses"), admins(), s.deleteScheme)
}

func (s *server) createScheme(ctx context.Context, input *createSchemeInput) (*schemeOutput, error) {
	declaration, err := json.Marshal(input.Body)
	if err != nil {
		return nil, fmt.Errorf("write declaration: %w", err)
	}
	made, err := s.Schemes.Create(ctx, declaration)
	if err != nil {
		return nil, fmt.Errorf("create scheme: %w", err)
	}
	return &schemeOutput{Body: schemeOf(made)}, nil
}

func (s *server) listSchemes(ctx context.Context, _ *struct{}) (*listOutput[client.Scheme], error) {
	all, err := s.Schemes.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list schemes: %w", err)
	}
	return listOf(all, "", schemeOf), nil
}

func (s *server) getScheme(ctx context.Context, input *schemeInput) (*schemeOutput, error) {
	found, err := s.Schemes.Scheme(ctx, input.Name)
	if err != nil {
		return nil, fmt.Errorf("get scheme: %w", err)
	}
	return &schemeOutput{Body: schemeOf(found)}, nil
}

func (s *server) deleteScheme(ctx context.Context, input *schemeInput) (*struct{}, error) {
	if err := s.Schemes.Delete(ctx, input.Name); err != nil {
		return nil, fmt.Errorf("delete scheme: %w", err)
	}
	return &struct{}{}, nil
}
