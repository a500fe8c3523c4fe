package api_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/waybillhq/waybill/postback"
)

type fakeEndpoints struct{ *fakes }

func (f fakeEndpoints) Create(ctx context.Context, spec postback.EndpointSpec) (postback.Endpoint, postback.Secret, []postback.Warning, error) {
	f.changing(ctx)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.spec = spec
	if f.down != nil {
		return postback.Endpoint{}, postback.Secret{}, nil, f.down
	}
	endpoint := postback.Endpoint{
		ID: fmt.Sprintf("ep_%d", len(f.endpoints)+1), Publisher: spec.Publisher, Scheme: spec.Scheme, EndpointSettings: spec.EndpointSettings,
		State: postback.EndpointEnabled, CreatedAt: start, UpdatedAt: start,
		Secrets: []postback.SealedSecret{{Version: 1, Sealed: []byte("sealed"), CreatedAt: start}},
	}
	endpoint.Method = "GET"
	f.endpoints[endpoint.ID] = endpoint
	secret := spec.Secret
	if secret.Empty() {
		secret = postback.NewSecret(madeSecret)
	}
	return endpoint, secret, []postback.Warning{{Code: "port", Message: "PHP receivers refuse a port"}}, nil
}

func (f fakeEndpoints) change(id string, apply func(*postback.Endpoint)) (postback.Endpoint, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	endpoint, ok := f.endpoints[id]
	if !ok {
		return endpoint, postback.Failure(postback.CodeNotFound, "endpoint not found")
	}
	apply(&endpoint)
	f.endpoints[id] = endpoint
	return endpoint, nil
}

func (f fakeEndpoints) Update(ctx context.Context, id string, patch postback.EndpointPatch) (postback.Endpoint, []postback.Warning, error) {
	f.changing(ctx)
	var wrong error
	endpoint, err := f.change(id, func(e *postback.Endpoint) {
		f.patch = patch
		e.EndpointSettings, wrong = patch.Over(e.EndpointSettings)
	})
	return endpoint, nil, errors.Join(err, wrong)
}

func (f fakeEndpoints) RotateSecret(ctx context.Context, id string, rotation postback.Rotation) (postback.Endpoint, postback.Secret, error) {
	f.changing(ctx)
	secret := rotation.Secret
	if secret.Empty() {
		secret = postback.NewSecret(madeSecret)
	}
	endpoint, err := f.change(id, func(e *postback.Endpoint) {
		f.rotation = rotation
		e.Secrets = append([]postback.SealedSecret{{Version: len(e.Secrets) + 1, Sealed: []byte("sealed"), CreatedAt: start}}, e.Secrets...)
	})
	return endpoint, secret, err
}

func (f fakeEndpoints) Delete(ctx context.Context, id string) error {
	f.changing(ctx)
	_, err := f.change(id, func(e *postback.Endpoint) { e.State = postback.EndpointDeleted })
	return err
}

func (f fakeEndpoints) Pause(ctx context.Context, id string) (postback.Endpoint, error) {
	f.changing(ctx)
	return f.change(id, func(e *postback.Endpoint) { e.State = postback.EndpointPaused })
}

func (f fakeEndpoints) Resume(ctx context.Context, id string) (postback.Endpoint, error) {
	f.changing(ctx)
	return f.change(id, func(e *postback.Endpoint) { e.State = postback.EndpointEnabled })
}

func (f fakeEndpoints) Endpoint(_ context.Context, id string) (postback.Endpoint, error) {
	if f.down != nil {
		return postback.Endpoint{}, f.down
	}
	return f.change(id, func(*postback.Endpoint) {})
}

func (f fakeEndpoints) Endpoints(_ context.Context, filter postback.EndpointFilter, page postback.Page) ([]postback.Endpoint, string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.page = page
	if page.Cursor == "garbage" {
		return nil, "", postback.Invalid("cursor", postback.CodeInvalid, "is not a cursor of this listing")
	}
	var found []postback.Endpoint
	for _, endpoint := range f.endpoints {
		if (filter.Publisher == "" || filter.Publisher == endpoint.Publisher) && (filter.State == "" || filter.State == endpoint.State) {
			found = append(found, endpoint)
		}
	}
	return found, "", nil
}
