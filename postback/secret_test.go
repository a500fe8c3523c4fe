package postback_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/waybillhq/waybill/postback"
)

const password = "s3cret-value"

// holder has a secret where printing can reach it, and one where it can reach
// it only by reflection.
type holder struct {
	Open   postback.Secret
	Listed []postback.Secret
	Mapped map[string]postback.Secret
	Behind *postback.Secret
	inside postback.Secret
}

func TestSecretNeverPrints(t *testing.T) {
	t.Parallel()
	secret := postback.NewSecret(password)
	held := holder{
		Open: secret, Listed: []postback.Secret{secret}, Mapped: map[string]postback.Secret{"a": secret},
		Behind: &secret, inside: secret,
	}
	printed := map[string]string{"sprint": fmt.Sprint(secret, &secret, held, &held)}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%t", "%p", "%T", "%b", "%c", "%U", "%e", "%10s", "%-3.2v"} {
		printed[verb] = fmt.Sprintf(verb+" "+verb+" "+verb+" "+verb, secret, &secret, held, &held)
	}
	printed["error"] = fmt.Errorf("sign with %v: %w", secret, fmt.Errorf("held %+v", held)).Error()
	for how, text := range printed {
		expectMasked(t, how, text)
	}
	if got := fmt.Sprintf("%s %v %#v", secret, secret, secret); got != "[secret] [secret] [secret]" {
		t.Errorf("got %q", got)
	}
}

func TestSecretNeverEncodes(t *testing.T) {
	t.Parallel()
	secret := postback.NewSecret(password)
	held := holder{Open: secret, Listed: []postback.Secret{secret}, Behind: &secret, inside: secret}
	encoded, err := json.Marshal(map[string]any{"one": secret, "held": held})
	if err != nil {
		t.Fatal(err)
	}
	expectMasked(t, "json", string(encoded))
	if !strings.Contains(string(encoded), `"one":"[secret]"`) {
		t.Errorf("got %s", encoded)
	}
	if encoded, err = xml.Marshal(secret); err != nil {
		t.Fatal(err)
	}
	expectMasked(t, "xml", string(encoded))
}

func TestSecretNeverLogs(t *testing.T) {
	t.Parallel()
	secret := postback.NewSecret(password)
	held := holder{Open: secret, Behind: &secret, inside: secret}
	var buffer bytes.Buffer
	for _, handler := range []slog.Handler{slog.NewJSONHandler(&buffer, nil), slog.NewTextHandler(&buffer, nil)} {
		slog.New(handler).With(slog.Any("with", secret)).Info("m", slog.Any("one", secret), slog.Any("pointer", &secret),
			slog.Any("held", held), slog.Any("list", []postback.Secret{secret}), slog.Group("group", slog.Any("in", secret)))
	}
	expectMasked(t, "slog", buffer.String())
}

func TestSecretRevealsOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	if got := postback.NewSecret(password).Reveal(); got != password {
		t.Errorf("revealed %q", got)
	}
	if postback.NewSecret(password).Empty() {
		t.Error("the secret is empty")
	}
	for _, none := range []postback.Secret{{}, postback.NewSecret("")} {
		if !none.Empty() || none.Reveal() != "" {
			t.Errorf("empty %t, reveals %q", none.Empty(), none.Reveal())
		}
	}
}

// expectMasked refuses the value in any of the spellings that a verb or an
// encoder may give it.
func expectMasked(t *testing.T, how, text string) {
	t.Helper()
	spellings := []string{
		password, fmt.Sprintf("%x", password), fmt.Sprintf("%X", password), fmt.Sprintf("% x", password),
		strings.Trim(fmt.Sprintf("%d", []byte(password)), "[]"), "s3", // a cut one
	}
	for _, spelling := range spellings {
		if strings.Contains(text, spelling) {
			t.Errorf("%s prints the secret: %s", how, text)
		}
	}
}
