package signer

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/waybillhq/waybill/signer/internal/declare"
	"github.com/waybillhq/waybill/signer/internal/jsontext"
	"github.com/waybillhq/waybill/signer/internal/object"
	"github.com/waybillhq/waybill/signer/internal/refusal"
	"github.com/waybillhq/waybill/signer/internal/secret"
)

const (
	headerID        = "Webhook-Id"
	headerTimestamp = "Webhook-Timestamp"
	headerSignature = "Webhook-Signature"

	messagePrefix = "msg_"
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"

	version1  = "v1,"
	version1a = "v1a,"

	standardTolerance = 5 * time.Minute
)

// standardWebhooks is the Standard Webhooks specification
// (https://github.com/standard-webhooks/standard-webhooks): a POST request whose
// JSON body is type, timestamp and data. Its header webhook-signature lists, for
// every active secret, "v1," and the base64 HMAC-SHA256, or "v1a," and the
// base64 Ed25519 signature, of "id.timestamp.body". The two kinds of keys in one
// list are why it is not declared.
type standardWebhooks struct {
	form secret.Form
}

func defineStandardWebhooks() *Definition {
	form := secret.Form{
		Generated: declare.GenerateBase64, Length: 32, Prefix: secretPrefix, Shortest: 24, Longest: 64,
		Key: secret.Key{Encoding: declare.KeyBase64, Prefix: secretPrefix},
	}
	return &Definition{
		Scheme: standardWebhooks{form},
		about: Declaration{
			Name:        nameStandardWebhooks,
			Description: "POST of JSON in the envelope and with the headers of Standard Webhooks (HMAC-SHA256 or Ed25519).",
			Source:      "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
			Methods:     []string{http.MethodPost},
			Data:        Data{In: declare.InBody},
			Headers:     []Added{{Name: headerID, Value: declare.PartMessageID}, {Name: headerTimestamp, Value: declare.PartTimestamp}},
			Parts:       []Part{{Part: declare.PartMessageID}, {Part: declare.PartTimestamp}, {Part: declare.PartBody}},
			Joiner:      ".",
			Algorithm:   "hmac-sha256",
			Key:         Key{Encoding: declare.KeyBase64, Prefix: secretPrefix},
			Output:      declare.OutputBase64,
			Place:       Place{In: declare.PlaceHeader, Name: headerSignature, Template: "v1,{sig}", Overlap: " v1,{sig}"},

			ReceiverChoosesSuccess: true,
		},
		secret: form,
		check: func(secret string) error {
			if strings.HasPrefix(secret, privatePrefix) {
				_, err := signingKey(secret)
				return err
			}
			return form.Check(secret)
		},
		example:    exampleStandard,
		references: usualReferences(),
	}
}

func (w standardWebhooks) locate(target Target) (destination, error) {
	return readTarget(nameStandardWebhooks, []string{http.MethodPost}, target, target.URL)
}

func (w standardWebhooks) Check(target Target) ([]Warning, error) {
	place, err := w.locate(target)
	if err != nil {
		return nil, err
	}
	return lintOrigin(place.Origin), nil
}

func (standardWebhooks) CheckData(data json.RawMessage) error {
	var room [object.CommonCount]object.Member
	_, err := object.Parse(data, room[:0])
	return err
}

func (w standardWebhooks) Sign(target Target, message Message, secrets []string, now time.Time) (Request, error) {
	place, err := w.locate(target)
	if err != nil {
		return Request{}, err
	}
	if err := requireSecret(secrets); err != nil {
		return Request{}, err
	}
	if !isMessageID([]byte(message.ID)) {
		return Request{}, refusal.New("id", CodeMessageIDInvalid, "a message id is 32 lowercase hex digits")
	}
	if err := w.CheckData(message.Data); err != nil {
		return Request{}, err
	}
	id, timestamp, body := messagePrefix+message.ID, strconv.FormatInt(now.Unix(), 10), envelope(message)
	text := signedText(id, timestamp, body)
	signature, err := w.sign(text, secrets[0])
	if err != nil {
		return Request{}, err
	}
	all := []byte(signature)
	for _, secret := range secrets[1:] {
		more, err := w.sign(text, secret)
		if err != nil {
			return Request{}, err
		}
		all = append(append(all, ' '), more...)
	}
	return Request{
		Method: place.method,
		URL:    place.URL(),
		Header: http.Header{
			"Content-Type": {"application/json"},
			headerID:       {id}, headerTimestamp: {timestamp}, headerSignature: {string(all)},
		},
		Body:         body,
		StringToSign: string(text),
		Signature:    signature,
	}, nil
}

// envelope puts the data, as it was written, under its type and time.
func envelope(message Message) []byte {
	data := jsontext.TrimSpace(message.Data)
	body := make([]byte, 0, len(data)+len(message.Type)+len(`{"type":"","timestamp":"2006-01-02T15:04:05.000Z","data":}`))
	body = append(body, `{"type":`...)
	body = jsontext.AppendQuoted(body, []byte(message.Type))
	body = append(body, `,"timestamp":"`...)
	body = message.OccurredAt.UTC().AppendFormat(body, "2006-01-02T15:04:05.000Z07:00")
	body = append(body, `","data":`...)
	body = append(body, data...)
	return append(body, '}')
}

func signedText(id, timestamp string, body []byte) []byte {
	text := make([]byte, 0, len(id)+len(timestamp)+len(body)+2)
	text = append(append(text, id...), '.')
	text = append(append(text, timestamp...), '.')
	return append(text, body...)
}

func (w standardWebhooks) sign(text []byte, secret string) (string, error) {
	if strings.HasPrefix(secret, privatePrefix) {
		key, err := signingKey(secret)
		if err != nil {
			return "", err
		}
		return version1a + base64.StdEncoding.EncodeToString(ed25519.Sign(key, text)), nil
	}
	made, err := w.hmac(text, secret)
	return string(made), err
}

// hmac returns the signature, with its version, that a secret makes.
func (w standardWebhooks) hmac(text []byte, secret string) ([]byte, error) {
	key, err := w.form.Decode(secret)
	if err != nil {
		return nil, err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(text)
	var sum [sha256.Size]byte
	made := append(make([]byte, 0, 64), version1...)
	return base64.StdEncoding.AppendEncode(made, mac.Sum(sum[:0])), nil
}

// missingHeaders are those of the names that a request has not, as they are written.
func missingHeaders(header http.Header, names ...string) []string {
	var missing []string
	for _, name := range names {
		if header.Get(name) == "" {
			missing = append(missing, strings.ToLower(name))
		}
	}
	return missing
}

// Verify takes secrets of three kinds: whsec_, whsk_, and the public whpk_.
func (w standardWebhooks) Verify(received Received, secrets []string, now time.Time) error {
	id, timestamp := received.Header.Get(headerID), received.Header.Get(headerTimestamp)
	if missing := missingHeaders(received.Header, headerID, headerTimestamp, headerSignature); len(missing) > 0 {
		return refusal.New("headers", CodeSignatureMissing, "there is no %s", strings.Join(missing, ", no "))
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return refusal.New("headers", CodeTimestampInvalid, "webhook-timestamp is no whole number")
	}
	text, matched := signedText(id, timestamp, received.Body), false
	signatures := strings.Fields(received.Header.Get(headerSignature))
	err = eachSecret(secrets, func(secret string) error {
		found, err := w.matches(text, signatures, secret)
		matched = found || matched
		return err
	})
	switch {
	case err != nil:
		return err
	case !matched:
		return mismatch("headers")
	}
	age := now.Sub(time.Unix(seconds, 0))
	if !now.IsZero() && (age > standardTolerance || age < -standardTolerance) {
		return refusal.New("headers", CodeTimestampRefused, "the request is signed for a time that is more than %s away", standardTolerance)
	}
	return nil
}

func (w standardWebhooks) matches(text []byte, signatures []string, secret string) (bool, error) {
	if !strings.HasPrefix(secret, privatePrefix) && !strings.HasPrefix(secret, publicPrefix) {
		made, err := w.hmac(text, secret)
		return matchesAny(made, signatures), err
	}
	key, err := verifyingKey(secret)
	if err != nil {
		return false, err
	}
	for _, signature := range signatures {
		encoded, found := strings.CutPrefix(signature, version1a)
		raw, err := base64.StdEncoding.DecodeString(encoded)
		if found && err == nil && ed25519.Verify(key, text, raw) {
			return true, nil
		}
	}
	return false, nil
}

// GeneratePrivateKey makes a secret for a standard-webhooks endpoint whose
// publisher is to hold no secret of its own, only the PublicKey of this one.
// random is as in GenerateSecret.
func GeneratePrivateKey(random io.Reader) (string, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return "", fmt.Errorf("read random bytes: %w", err)
	}
	return privatePrefix + base64.StdEncoding.EncodeToString(seed), nil
}

// PublicKey returns the key, such as "whpk_...", that verifies what the private
// key of a standard-webhooks endpoint ("whsk_...") signs. It is the publisher's
// to have. Any other secret is refused: it has no public half.
func PublicKey(private string) (string, error) {
	key, err := signingKey(private)
	if err != nil {
		return "", err
	}
	public := key[ed25519.PrivateKeySize-ed25519.PublicKeySize:]
	return publicPrefix + base64.StdEncoding.EncodeToString(public), nil
}

// signingKey reads a seed of 32 bytes, or the seed with the public key behind
// it.
func signingKey(secret string) (ed25519.PrivateKey, error) {
	encoded, found := strings.CutPrefix(secret, privatePrefix)
	if !found {
		return nil, refusal.New("secret", CodeSecretInvalid, "must begin with %s", privatePrefix)
	}
	raw, err := base64.StdEncoding.DecodeString(encoded)
	switch {
	case err != nil:
		return nil, refusal.New("secret", CodeSecretInvalid, "is not base64")
	case len(raw) != ed25519.SeedSize && len(raw) != ed25519.PrivateKeySize:
		return nil, refusal.New("secret", CodeSecretInvalid, "must be %d or %d bytes once it is decoded", ed25519.SeedSize, ed25519.PrivateKeySize)
	}
	key := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if len(raw) == ed25519.PrivateKeySize && string(key) != string(raw) {
		return nil, refusal.New("secret", CodeSecretInvalid, "its second half is not the public key of its first")
	}
	return key, nil
}

func verifyingKey(secret string) (ed25519.PublicKey, error) {
	public := secret
	if strings.HasPrefix(secret, privatePrefix) {
		var err error
		if public, err = PublicKey(secret); err != nil {
			return nil, err
		}
	}
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, publicPrefix))
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, refusal.New("secret", CodeSecretInvalid, "is no public key: %d bytes in base64 behind %s", ed25519.PublicKeySize, publicPrefix)
	}
	return raw, nil
}
