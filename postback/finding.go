package postback

// Finding is one thing that a diagnosis found: a stable code, and a sentence
// for people. It never holds a secret.
type Finding struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
