package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/waybillhq/waybill/client"
	"github.com/waybillhq/waybill/postback"
)

func keyOf(k postback.APIKey) client.Key {
	return client.Key{
		ID: k.ID, Name: k.Name, Role: k.Role, Publisher: k.Publisher,
		CreatedAt: stamp(k.CreatedAt), RevokedAt: stamp(k.RevokedAt),
	}
}

type createKeyInput struct {
	Body client.KeySpec
}

type createKeyOutput struct {
	Body client.CreatedKey
}

func (s *server) routeKeys() {
	create := operation("create-key", http.MethodPost, "/v1/keys", "Create an API key; only this answer shows it")
	create.DefaultStatus = http.StatusCreated
	add(s, create, admins(), s.createKey)
	add(s, operation("list-keys", http.MethodGet, "/v1/keys", "List API keys, newest first, revoked ones too"), admins(), s.listKeys)
	add(s, operation("revoke-key", http.MethodDelete, "/v1/keys/{id}", "Revoke a key"), admins(), s.revokeKey)
}

func (s *server) createKey(ctx context.Context, input *createKeyInput) (*createKeyOutput, error) {
	body := input.Body
	if err := postback.CheckText("name", body.Name); err != nil {
		return nil, fmt.Errorf("check name: %w", err)
	}
	switch {
	case body.Role == postback.RolePublisher:
		if _, err := postback.RequireName("publisher", &body.Publisher); err != nil {
			return nil, fmt.Errorf("check publisher: %w", err)
		}
	case body.Publisher != "":
		return nil, postback.Invalid("publisher", postback.CodeInvalid, "only a key with the role publisher has one; leave it out")
	}
	record, key, err := s.Keys.Create(ctx, body.Name, body.Role, body.Publisher)
	if err != nil {
		return nil, fmt.Errorf("create key: %w", err)
	}
	return &createKeyOutput{Body: client.CreatedKey{Key: keyOf(record), Token: key}}, nil
}

func (s *server) listKeys(ctx context.Context, _ *struct{}) (*listOutput[client.Key], error) {
	keys, err := s.Keys.List(ctx)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	return listOf(keys, "", keyOf), nil
}

func (s *server) revokeKey(ctx context.Context, input *IDInput) (*struct{}, error) {
	if err := s.Keys.Revoke(ctx, input.ID); err != nil {
		return nil, fmt.Errorf("revoke key: %w", err)
	}
	return &struct{}{}, nil
}
