//go:build unix

package egress_test

import (
	"net/http"
	"syscall"
	"testing"

	"github.com/waybillhq/waybill/internal/egress"
)

// Not parallel: the limit is the whole process's.
func TestNoDescriptorsLeft(t *testing.T) {
	server := receiver(t, ok)
	client := newClient(t, local())
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &syscall.Rlimit{Cur: 3, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	result := get(t, client, server.URL+"/")
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	expectFailure(t, result, egress.Infrastructure, egress.CodeExhausted)
	expectStatus(t, get(t, client, server.URL+"/"), http.StatusOK)
}
