package api_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

type document struct {
	OpenAPI string `json:"openapi"`
	Info    struct {
		Version string `json:"version"`
	} `json:"info"`
	Paths map[string]map[string]struct {
		OperationID string `json:"operationId"`
		Responses   map[string]struct {
			Description string         `json:"description"`
			Headers     map[string]any `json:"headers"`
			Content     map[string]any `json:"content"`
		} `json:"responses"`
		Security    []map[string]any `json:"security"`
		RequestBody *struct {
			Content map[string]any `json:"content"`
		} `json:"requestBody"`
		Parameters []struct {
			Name string `json:"name"`
		} `json:"parameters"`
	} `json:"paths"`
	Components struct {
		Schemas map[string]any `json:"schemas"`
	} `json:"components"`
}

func readDocument(t *testing.T, text string) (doc document) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// Every call that a bound may refuse is described with that answer, and no other is.
func TestOpenAPINamesTheBounds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	doc := readDocument(t, b.call(t, "producer", "GET", "/openapi.json", "").body)
	parameter := strings.NewReplacer("{id}", "x", "{name}", "x")
	paced, limited := 0, map[string]bool{}
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			answer := b.call(t, "guess", strings.ToUpper(method), parameter.Replace(path), "")
			described, named := operation.Responses["429"]
			if refused := answer.status == http.StatusTooManyRequests; refused != named || refused != (answer.header.Get("Retry-After") != "") {
				t.Errorf("%s %s answers %d, described: %t", method, path, answer.status, named)
			}
			if named {
				paced++
				if described.Headers["Retry-After"] == nil || described.Content["application/problem+json"] == nil || !strings.Contains(described.Description, string(postback.CodeTooManyRequests)) {
					t.Errorf("%s %s: 429 is described as %+v", method, path, described)
				}
			}
			if strings.Contains(operation.Responses["409"].Description, string(postback.CodeLimit)) {
				limited[strings.ToUpper(method)+" "+path] = true
			}
		}
	}
	if paced < 20 {
		t.Errorf("only %d calls are paced", paced)
	}
	for _, row := range accessTable() {
		b.fill()
		b.down = nil
		if row.method == "POST" && (row.path == "/v1/endpoints" || row.path == "/v1/replays") {
			b.down = postback.Failure(postback.CodeLimit, "there are as many as may be")
		}
		answer := b.call(t, "admin", row.method, row.path, row.body)
		if reached := answer.status == http.StatusConflict; reached != limited[row.method+" "+row.path] {
			t.Errorf("%s %s answers %d %s; described: %t", row.method, row.path, answer.status, answer.body, limited[row.method+" "+row.path])
		}
	}
	if len(limited) != 2 {
		t.Errorf("described are %v", limited)
	}
}

// The document is published: what it says changes on purpose alone, with the file that
// repeats it. Indenting changes nothing but white space, of which the document has none.
func TestOpenAPIIsTheDocumentThatWasPublished(t *testing.T) {
	t.Parallel()
	want, err := os.ReadFile(filepath.Join("testdata", "openapi.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got, compact bytes.Buffer
	served := setup(t).call(t, "producer", "GET", "/openapi.json", "").body
	if err := json.Compact(&compact, []byte(served)); err != nil || compact.String() != served {
		t.Fatalf("the document is not compact JSON: %v", err)
	}
	if err := json.Indent(&got, []byte(served), "", "\t"); err != nil {
		t.Fatal(err)
	}
	got.WriteByte('\n')
	if bytes.Equal(got.Bytes(), want) {
		return
	}
	changed := filepath.Join(t.ArtifactDir(), "openapi.json")
	if err := os.WriteFile(changed, got.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Errorf("the document differs from testdata/openapi.json in line %d: names that are published never change; for what is new, put %s in its place (kept with go test -artifacts)",
		firstDifference(got.Bytes(), want), changed)
}

// firstDifference is the number of the first line in which two texts differ.
func firstDifference(a, b []byte) int {
	common := 0
	for common < min(len(a), len(b)) && a[common] == b[common] {
		common++
	}
	return bytes.Count(a[:common], []byte("\n")) + 1
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	b := setup(t)
	got := b.call(t, "producer", "GET", "/openapi.json", "")
	doc := readDocument(t, got.body)
	if !strings.HasPrefix(doc.OpenAPI, "3.1") || doc.Info.Version != "1.2.3" {
		t.Errorf("openapi %q, version %q", doc.OpenAPI, doc.Info.Version)
	}
	var routes []string
	for path, methods := range doc.Paths {
		for method, operation := range methods {
			routes = append(routes, strings.ToUpper(method)+" "+path)
			if operation.OperationID == "" || operation.Responses["default"].Content == nil || len(operation.Responses) < 2 {
				t.Errorf("%s %s is not described: %+v", method, path, operation)
			}
			public := path == "/healthz" || path == "/readyz"
			if public != (len(operation.Security) == 0) {
				t.Errorf("%s %s: security %v", method, path, operation.Security)
			}
		}
	}
	slices.Sort(routes)
	want := []string{
		"DELETE /v1/endpoints/{id}", "DELETE /v1/keys/{id}", "DELETE /v1/schemes/{name}", "GET /healthz", "GET /metrics", "GET /openapi.json", "GET /readyz",
		"GET /v1/deliveries", "GET /v1/deliveries/export", "GET /v1/deliveries/{id}", "GET /v1/egress",
		"GET /v1/endpoints", "GET /v1/endpoints/{id}", "GET /v1/endpoints/{id}/health", "GET /v1/events", "GET /v1/events/{id}", "GET /v1/keys", "GET /v1/replays", "GET /v1/replays/{id}", "GET /v1/schemes", "GET /v1/schemes/{name}",
		"PATCH /v1/endpoints/{id}", "POST /v1/deliveries/{id}/replay", "POST /v1/endpoints",
		"POST /v1/endpoints/{id}/enable", "POST /v1/endpoints/{id}/example", "POST /v1/endpoints/{id}/pause", "POST /v1/endpoints/{id}/resume", "POST /v1/endpoints/{id}/rotate-secret",
		"POST /v1/events", "POST /v1/events/batch", "POST /v1/events/deliver", "POST /v1/keys", "POST /v1/replays", "POST /v1/replays/{id}/cancel", "POST /v1/schemes",
	}
	if !slices.Equal(routes, want) {
		t.Errorf("got  %v\nwant %v", routes, want)
	}
	checkRefs(t, doc, got.body)
	checkFields(t, doc)
}

func checkRefs(t *testing.T, doc document, text string) {
	t.Helper()
	if doc.Components.Schemas["ErrorModel"] != nil || strings.Contains(text, "unpkg.com") {
		t.Error("huma's own errors or pages are described")
	}
	refs := 0
	var walk func(any)
	walk = func(value any) {
		switch value := value.(type) {
		case map[string]any:
			if ref, ok := value["$ref"].(string); ok {
				refs++
				name, found := strings.CutPrefix(ref, "#/components/schemas/")
				if !found || doc.Components.Schemas[name] == nil {
					t.Errorf("%s leads nowhere", ref)
				}
			}
			for inner := range maps.Values(value) {
				walk(inner)
			}
		case []any:
			for _, inner := range value {
				walk(inner)
			}
		}
	}
	var whole any
	if err := json.Unmarshal([]byte(text), &whole); err != nil {
		t.Fatal(err)
	}
	walk(whole)
	if refs < 20 {
		t.Errorf("only %d references", refs)
	}
}

// checkFields holds what scripts rely on to the names that were promised.
func checkFields(t *testing.T, doc document) {
	t.Helper()
	for schema, fields := range map[string]string{
		"DeliveryView":       "id event_id event_type publisher endpoint_id state reason attempts last_status_code last_error next_attempt_at created_at completed_at",
		"DeliveryDetail":     "id state attempts",
		"AttemptView":        "number trigger started_at duration_ms outcome status_code error request response source_ip trace_id",
		"RequestView":        "method url headers body string_to_sign",
		"ResponseView":       "headers body truncated",
		"EventBody":          "id type publisher data occurred_at",
		"EndpointBody":       "publisher url scheme method event_types secret retry timeout headers description",
		"ChangedEndpoint":    "id secret warnings state",
		"EndpointHealthView": "endpoint_id state blocked held_until circuit failing_since failures last_error opened_at next_probe_at last_attempt_at last_success_at traffic waiting",
		"BlockedView":        "reason message since seen_at",
		"TrafficView":        "window since attempts success_rate latency_ms errors",
		"WaitingView":        "pending retrying parked oldest_at",
		"ParkedView":         "paused disabled circuit_open over_limit ordered",
		"Problem":            "type title status detail code field errors",
	} {
		described, _ := doc.Components.Schemas[schema].(map[string]any)
		properties, _ := described["properties"].(map[string]any)
		for field := range strings.FieldsSeq(fields) {
			if properties[field] == nil {
				t.Errorf("%s has no %s", schema, field)
			}
		}
	}
	if len(doc.Paths["/v1/deliveries/export"]["get"].Parameters) != 15 || doc.Paths["/v1/events/batch"]["post"].RequestBody.Content["application/x-ndjson"] == nil {
		t.Error("the export's parameters or the batch's forms are not described")
	}
}
