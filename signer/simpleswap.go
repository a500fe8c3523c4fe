package signer

import (
	"crypto/sha1"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"time"
)

// simpleswap is a POST request whose JSON body is the data with messageId put
// first and verifyToken put last. verifyToken is the lowercase hex SHA-1 of
// "messageId_publicId_status_secret": a plain digest that covers those three
// members and nothing else of the body.
type simpleswap struct{}

func (simpleswap) Check(target Target) ([]Warning, error) {
	_, err := readTarget(nameSimpleswap, target, target.URL)
	return nil, err
}

func (simpleswap) CheckData(data json.RawMessage) error {
	_, _, err := readExchange(data)
	return err
}

func (simpleswap) Sign(target Target, message Message, secrets []string, _ time.Time) (Request, error) {
	place, err := readTarget(nameSimpleswap, target, target.URL)
	if err != nil {
		return Request{}, err
	}
	secret, err := currentSecret(secrets)
	if err != nil {
		return Request{}, err
	}
	if !isMessageID([]byte(message.ID)) {
		return Request{}, refuse("id", CodeMessageIDInvalid, "a message id is 32 lowercase hex digits")
	}
	publicID, status, err := readExchange(message.Data)
	if err != nil {
		return Request{}, err
	}
	token := string(verifyToken([]byte(message.ID), publicID, status, secret))
	return Request{
		Method:       place.method,
		URL:          place.url(),
		Header:       http.Header{"Content-Type": {"application/json"}},
		Body:         exchangeBody(message, token),
		StringToSign: message.ID + "_" + string(publicID) + "_" + string(status) + "_<secret>",
		Signature:    token,
	}, nil
}

// exchangeBody puts messageId and verifyToken around the data's own members,
// which stay as they were written.
func exchangeBody(message Message, token string) []byte {
	data := trimSpace(message.Data)
	inner := trimSpace(data[1 : len(data)-1])
	body := make([]byte, 0, len(inner)+len(message.ID)+len(token)+len(`{"messageId":"",,"verifyToken":""}`))
	body = append(body, `{"messageId":"`...)
	body = append(body, message.ID...)
	body = append(body, `",`...)
	body = append(body, inner...)
	body = append(body, `,"verifyToken":"`...)
	body = append(body, token...)
	return append(body, `"}`...)
}

// readExchange checks the data and returns what is signed of it.
func readExchange(data json.RawMessage) (publicID, status []byte, err error) {
	var room [commonMemberCount]member
	all, err := parseObject(data, room[:0])
	if err != nil {
		return nil, nil, err
	}
	for _, reserved := range []string{"messageId", "verifyToken"} {
		if all.find(reserved) != nil {
			return nil, nil, refuse("data."+reserved, CodeReservedName, "is added when the event is sent")
		}
	}
	if publicID, err = all.requireString("publicId"); err != nil {
		return nil, nil, err
	}
	if status, err = all.requireString("status"); err != nil {
		return nil, nil, err
	}
	return publicID, status, nil
}

func isMessageID(id []byte) bool {
	if len(id) != 32 {
		return false
	}
	for _, c := range id {
		if !isHex(c) || 'A' <= c && c <= 'F' {
			return false
		}
	}
	return true
}

func verifyToken(messageID, publicID, status []byte, secret string) []byte {
	text := make([]byte, 0, 192)
	for _, part := range [][]byte{messageID, publicID, status} {
		text = append(append(text, part...), '_')
	}
	sum := sha1.Sum(append(text, secret...))
	return hex.AppendEncode(nil, sum[:])
}

func (simpleswap) Verify(received Received, secrets []string, _ time.Time) error {
	var room [commonMemberCount]member
	all, err := parseObject(received.Body, room[:0])
	if err != nil {
		return unreadableBody(err)
	}
	if all.find("verifyToken") == nil {
		return refuse("body", CodeSignatureMissing, "has no verifyToken")
	}
	var parts [4][]byte
	for i, name := range []string{"messageId", "publicId", "status", "verifyToken"} {
		if parts[i], err = all.requireString(name); err != nil {
			return unreadableBody(err)
		}
	}
	if !isMessageID(parts[0]) {
		return refuse("body", CodeBodyInvalid, "its messageId is not 32 lowercase hex digits")
	}
	return matchAny(string(parts[3]), "body", secrets, func(secret string) []byte {
		return verifyToken(parts[0], parts[1], parts[2], secret)
	})
}

func unreadableBody(err error) error {
	return refuse("body", CodeBodyInvalid, "cannot be read: %s", err)
}
