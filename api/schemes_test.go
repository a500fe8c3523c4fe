package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

func TestSchemes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	c := b.client(t, "admin")
	made, err := c.CreateScheme(t.Context(), json.RawMessage(`{"name":"acme"}`))
	if err != nil || made.Name != "acme" || made.Origin != postback.SchemeAPI || len(made.Methods) != 1 {
		t.Errorf("got %+v, %v", made, err)
	}
	if all, err := c.ListSchemes(t.Context()); err != nil || len(all) != 1 || all[0].Origin != postback.SchemeBuiltIn {
		t.Errorf("got %+v, %v", all, err)
	}
	if one, err := c.GetScheme(t.Context(), "besitos"); err != nil || one.Name != "besitos" {
		t.Errorf("got %+v, %v", one, err)
	}
	if err := c.DeleteScheme(t.Context(), "acme"); err != nil {
		t.Error(err)
	}
	for name, status := range map[string]int{"besitos": http.StatusConflict, "nope": http.StatusNotFound} {
		if got := b.call(t, "admin", "DELETE", "/v1/schemes/"+name, "").problem(t); got.Status != status {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if got := b.call(t, "viewer", "GET", "/v1/schemes/nope", "").problem(t); got.Code != postback.CodeNotFound {
		t.Errorf("got %+v", got)
	}
	refused := b.call(t, "admin", "POST", "/v1/schemes", `{"name":"other"}`).problem(t)
	if refused.Status != http.StatusUnprocessableEntity || refused.Field != "parts[2].field" || refused.Code != "declaration_invalid" {
		t.Errorf("got %+v", refused)
	}
	for _, body := range []string{"", "[]", `"x"`, `{"name":`, `{"name":"a","name":"b"}`} {
		if got := b.call(t, "admin", "POST", "/v1/schemes", body); got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}
