package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
)

// accept compares what was decoded with the digests of what was sent; see
// checksum in hostile_test.go. Numbers are compared as they are spelled.
func accept(w http.ResponseWriter, r *http.Request) {
	values := map[string]any{}
	if r.Method == http.MethodGet {
		for name, all := range r.URL.Query() {
			values[name] = all[0]
		}
		delete(values, map[string]string{"besitos": "verifier", "bitlabs": "hash"}[os.Getenv("POSTBACK_SCHEME")])
	} else {
		body, err := io.ReadAll(r.Body)
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		if err != nil || decoder.Decode(&values) != nil {
			http.Error(w, "the body cannot be read again", http.StatusInternalServerError)
			return
		}
	}
	if data, nested := values["data"].(map[string]any); nested {
		values = data
	}
	texts, numbers := sha256.New(), sha256.New()
	for _, name := range slices.Sorted(maps.Keys(values)) {
		if slices.Contains([]string{"sum", "numbers", "messageId", "verifyToken"}, name) || strings.HasPrefix(name, "static") {
			continue
		}
		switch value := values[name].(type) {
		case string:
			fmt.Fprintf(texts, "%d:%s=%s\n", len(value), name, value)
		case bool:
			spelled := fmt.Sprint(value)
			fmt.Fprintf(texts, "%d:%s=%s\n", len(spelled), name, spelled)
		case nil:
			fmt.Fprintf(texts, "4:%s=null\n", name)
		case json.Number:
			fmt.Fprintf(numbers, "%d:%s=%s\n", len(value), name, value)
		}
	}
	wrong := hex.EncodeToString(texts.Sum(nil)) != values["sum"]
	if r.Method == http.MethodPost && hex.EncodeToString(numbers.Sum(nil)) != values["numbers"] {
		wrong = true
	}
	if wrong {
		http.Error(w, "the values are not those that were sent", http.StatusInternalServerError)
	}
}
