package schemes_test

import (
	"testing"

	"github.com/waybillhq/waybill/internal/schemes"
	"github.com/waybillhq/waybill/signer"
)

func BenchmarkSign(b *testing.B) {
	catalogue, err := schemes.Load()
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range catalogue.Names() {
		b.Run(name, func(b *testing.B) {
			scheme, err := catalogue.Lookup(name)
			if err != nil {
				b.Fatal(err)
			}
			secret, err := catalogue.GenerateSecret(name, source(7))
			if err != nil {
				b.Fatal(err)
			}
			message := signer.Message{ID: testID, Type: "conversion.completed", OccurredAt: testTime(), Data: catalogue.Example(name, "conversion.completed")}
			where, secrets := signer.Target{URL: target(name)}, []string{secret}
			b.ReportAllocs()
			for b.Loop() {
				if _, err := scheme.Sign(where, message, secrets, testTime()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := schemes.Load(); err != nil {
			b.Fatal(err)
		}
	}
}
