package worker

import (
	"sync"

	"github.com/waybillhq/waybill/internal/expect"
	"github.com/waybillhq/waybill/postback"
)

// expectations are what endpoints expect of a body, compiled once for each
// revision of an endpoint. Endpoints that expect nothing use no memory.
type expectations struct {
	mu       sync.Mutex
	compiled map[string]expectation // by endpoint
}

type expectation struct {
	revision int64
	check    *expect.Check
}

// codeExpect is for an expectation that does not compile.
const codeExpect postback.Code = "expect_invalid"

func newExpectations() *expectations { return &expectations{compiled: map[string]expectation{}} }

// of gives what the endpoint expects; nil for nothing. An expectation that does
// not compile was stored by another version of this program.
func (e *expectations) of(endpoint postback.Endpoint) (*expect.Check, error) {
	if endpoint.Expect == nil {
		return nil, nil //nolint:nilnil // nothing is expected, and nothing is wrong
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if known, ok := e.compiled[endpoint.ID]; ok && known.revision == endpoint.Revision {
		return known.check, nil
	}
	check, err := expect.Compile(*endpoint.Expect)
	if err != nil {
		return nil, postback.Failure(codeExpect, "cannot read what the endpoint expects (%s); set its expect again", err)
	}
	e.compiled[endpoint.ID] = expectation{revision: endpoint.Revision, check: check}
	return check, nil
}
