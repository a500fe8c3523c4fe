package demo

import (
	"bytes"
	"fmt"
	"os"
)

// secretsKept looks for every secret in the log and in all answers of the API:
// each was in one answer, the one that made it.
func (e evidence) secretsKept() claim {
	const text = "each secret was shown once, when it was made, and stands in no other answer and not in the log"
	log, err := os.ReadFile(e.engine.logFile)
	if err != nil || len(log) == 0 {
		return claim{text, fmt.Sprintf("the log cannot be read: %v", err)}
	}
	for i, secret := range e.secrets {
		answers, times := e.engine.answers.shown(secret)
		if times != 1 {
			return claim{text, fmt.Sprintf("secret %d is %d times in %d answers", i+1, times, answers)}
		}
		if bytes.Contains(log, []byte(secret)) {
			return claim{text, fmt.Sprintf("secret %d is in the log", i+1)}
		}
	}
	return hold(text, len(e.secrets) > 0, "no secret was shown")
}
