package endpoints

import (
	"time"

	"github.com/waybillhq/waybill/postback"
)

// Rotate is the step of a rotation that decides when each secret signs.
func (m *Manager) Rotate(endpoint postback.Endpoint, rotation postback.Rotation, now time.Time) []postback.SealedSecret {
	return m.rotate(endpoint, rotation.Secret, rotation, now)
}
