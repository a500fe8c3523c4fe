package archtest_test

// rule says what one package, or one tree of packages, may import.
type rule struct {
	// pkg is a path below the module; "store/..." is store and all below it.
	pkg string
	// imports are the packages of this module that it may import, in the
	// same notation; "..." is every package.
	imports []string
	// stdOnly forbids all other modules.
	stdOnly bool
}

// rules are the arrows, from the leaf up. The first rule that matches a
// package decides. Tests may import what they like.
func rules() []rule {
	return []rule{
		// The domain and the signatures: receivers import them too.
		{pkg: "postback", stdOnly: true},
		{pkg: "signer", imports: []string{"signer/internal/..."}, stdOnly: true},
		{pkg: "signer/internal/percent", stdOnly: true},
		{pkg: "signer/internal/jsontext", imports: []string{"signer/internal/percent"}, stdOnly: true},
		{pkg: "signer/internal/refusal", stdOnly: true},
		{pkg: "signer/internal/declare", stdOnly: true},
		{pkg: "signer/internal/address", imports: []string{"signer/internal/percent", "signer/internal/refusal"}, stdOnly: true},
		{pkg: "signer/internal/object", imports: []string{"signer/internal/jsontext", "signer/internal/percent", "signer/internal/refusal"}, stdOnly: true},
		{pkg: "signer/internal/secret", imports: []string{"signer/internal/declare", "signer/internal/refusal"}, stdOnly: true},
		{pkg: "signer/internal/formula", imports: []string{
			"signer/internal/declare", "signer/internal/jsontext", "signer/internal/object", "signer/internal/percent", "signer/internal/refusal", "signer/internal/secret",
		}, stdOnly: true},
		{pkg: "signer/internal/template", imports: []string{
			"signer/internal/address", "signer/internal/declare", "signer/internal/formula", "signer/internal/percent", "signer/internal/refusal",
		}, stdOnly: true},
		{pkg: "signer/internal/compile", imports: []string{
			"signer/internal/declare", "signer/internal/formula", "signer/internal/object", "signer/internal/percent", "signer/internal/refusal", "signer/internal/secret", "signer/internal/template",
		}, stdOnly: true},
		{pkg: "client", imports: []string{"postback"}, stdOnly: true},

		// The ledger.
		{pkg: "store/commit", stdOnly: true},
		{pkg: "store/...", imports: []string{"postback", "store/..."}},

		// The parts, each of which knows the domain alone.
		{pkg: "internal/config", imports: []string{"postback"}},
		{pkg: "internal/clock", imports: []string{"internal/loop"}, stdOnly: true},
		{pkg: "internal/circuit", imports: []string{"postback", "internal/loop"}, stdOnly: true},
		{pkg: "internal/egress"},
		{pkg: "internal/jsonpath", imports: []string{"postback"}, stdOnly: true},
		{pkg: "internal/expect", imports: []string{"postback", "internal/jsonpath"}, stdOnly: true},
		{pkg: "internal/id"},
		{pkg: "internal/listen", stdOnly: true},
		{pkg: "internal/loop", stdOnly: true},
		{pkg: "internal/limit", imports: []string{"internal/loop", "postback"}},
		{pkg: "internal/notice", imports: []string{"postback", "internal/loop"}},
		{pkg: "internal/outage", imports: []string{"postback", "internal/loop"}},
		{pkg: "internal/registry", imports: []string{"postback", "internal/loop"}, stdOnly: true},
		{pkg: "internal/retention", imports: []string{"internal/loop"}},
		{pkg: "internal/retry", imports: []string{"postback"}},
		{pkg: "internal/seal", imports: []string{"postback"}, stdOnly: true},
		{pkg: "internal/schemes", imports: []string{"postback", "signer", "internal/jsonpath", "internal/loop", "internal/retry"}},
		{pkg: "internal/task", imports: []string{"postback", "internal/loop"}},
		{pkg: "internal/telemetry"},
		{pkg: "internal/traffic", imports: []string{"postback", "internal/loop", "internal/retry"}},

		{pkg: "internal/diagnose", imports: []string{"postback", "signer"}, stdOnly: true},

		// The engine.
		{pkg: "dispatcher", imports: []string{"postback", "internal/id", "internal/loop", "internal/task"}},
		{pkg: "worker", imports: []string{
			"postback", "signer",
			"internal/diagnose", "internal/egress", "internal/expect", "internal/id", "internal/loop", "internal/outage", "internal/retry", "internal/task",
		}},
		{pkg: "internal/endpoints", imports: []string{
			"postback", "signer",
			"internal/egress", "internal/expect", "internal/id", "internal/jsonpath", "internal/retry", "internal/schemes",
		}, stdOnly: true},
		{pkg: "internal/keys", imports: []string{"postback", "internal/id"}, stdOnly: true},
		{pkg: "api", imports: []string{"postback", "client", "internal/listen"}},

		// The roof: app knows every part, the command line knows app.
		{pkg: "internal/app", imports: []string{"..."}},
		{pkg: "internal/cli", imports: []string{
			"postback", "signer", "client",
			"internal/app", "internal/bench", "internal/config", "internal/demo", "internal/diagnose", "internal/listen", "internal/retry", "internal/schemes",
		}},
		{pkg: "internal/bench", imports: []string{"postback", "signer", "client", "internal/listen"}},
		{pkg: "internal/demo", imports: []string{
			"postback", "signer", "client",
			"internal/app", "internal/config", "internal/listen",
		}},
		{pkg: "cmd/waybill", imports: []string{"internal/cli"}, stdOnly: true},

		// Tests of the whole.
		{pkg: "internal/archtest", stdOnly: true},
		{pkg: "internal/testkit", imports: []string{
			"postback", "store/sqlite",
			"internal/circuit", "internal/egress", "internal/endpoints", "internal/registry", "internal/schemes", "internal/seal",
		}},
		{pkg: "internal/e2e", stdOnly: true},
		{pkg: "internal/sim", stdOnly: true},
		{pkg: "signer/receivertest", stdOnly: true},
	}
}

// vagueNames say nothing about what a package guarantees.
func vagueNames() []string {
	return []string{"util", "utils", "common", "models", "types", "helpers"}
}
