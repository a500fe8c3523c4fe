// Package receivertest proves that publishers say yes. Its tests run the real
// program and let it deliver thousands of hostile events over HTTP to receivers
// that were not written from this module's code: what the networks publish, in
// PHP, JavaScript and C#; the published verifiers of Standard Webhooks; and the
// receivers of docs/receivers, taken from those pages as they stand.
//
// It guarantees that every event which the API accepts is accepted by every
// receiver of its scheme, with the values that were sent, and that each of
// these receivers refuses a changed byte and another secret.
package receivertest
