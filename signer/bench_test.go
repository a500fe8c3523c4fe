package signer_test

import (
	"encoding/json"
	"testing"

	"github.com/waybillhq/waybill/signer"
)

func benchTarget(name string) signer.Target {
	if name == "bitlabs" {
		return signer.Target{URL: "https://publisher.example.com/complete?uid=[%UID%]&val=[%VAL%]&raw=[%RAW%]&tx=[%TX%]&type=[%TYPE%]&offer=[%OFFER:ID%]"}
	}
	return signer.Target{URL: "https://publisher.example.com/postback"}
}

func benchMessage(name string) signer.Message {
	return signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: signer.Example(name, "conversion.completed")}
}

func BenchmarkSign(b *testing.B) {
	for _, name := range signer.Names() {
		b.Run(name, func(b *testing.B) {
			scheme, err := signer.Lookup(name)
			if err != nil {
				b.Fatal(err)
			}
			target, message, secrets := benchTarget(name), benchMessage(name), []string{secretOf(name, testSecret)}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := scheme.Sign(target, message, secrets, testTime()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkVerify(b *testing.B) {
	for _, name := range signer.Names() {
		b.Run(name, func(b *testing.B) {
			scheme, err := signer.Lookup(name)
			if err != nil {
				b.Fatal(err)
			}
			request, err := scheme.Sign(benchTarget(name), benchMessage(name), []string{secretOf(name, testSecret)}, testTime())
			if err != nil {
				b.Fatal(err)
			}
			got := received(request)
			b.ReportAllocs()
			for b.Loop() {
				if err := signer.Verify(name, got, secretOf(name, testSecret)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckData(b *testing.B) {
	for _, name := range signer.Names() {
		b.Run(name, func(b *testing.B) {
			scheme, err := signer.Lookup(name)
			if err != nil {
				b.Fatal(err)
			}
			data := json.RawMessage(benchMessage(name).Data)
			b.ReportAllocs()
			for b.Loop() {
				if err := scheme.CheckData(data); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// Not parallel: it counts what the whole process allocates.
func TestSignAllocatesLittle(t *testing.T) {
	for _, name := range signer.Names() {
		scheme := lookup(t, name)
		target, message, secrets := benchTarget(name), benchMessage(name), []string{secretOf(name, testSecret)}
		allocations := testing.AllocsPerRun(200, func() {
			if _, err := scheme.Sign(target, message, secrets, testTime()); err != nil {
				t.Fatal(err)
			}
		})
		most := 12.0
		if name == "standard-webhooks" {
			most = 24 // four headers, each a list
		}
		if allocations > most {
			t.Errorf("%s: %v allocations to sign, want at most %v", name, allocations, most)
		}
	}
}
