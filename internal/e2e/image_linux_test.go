package e2e_test

import (
	"debug/elf"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// imageUser is the user of the Dockerfile.
const imageUser = 65532

// image is what the Dockerfile's last stage makes, as a directory: the program,
// certificates, a volume, and nothing else. But for the volume it cannot be
// written.
func image(t *testing.T) string {
	t.Helper()
	path := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("make an image: %v; this test needs root (CAP_SYS_ADMIN), as in a privileged container", err)
		}
	}
	mount := func(source, target, kind string, flags uintptr, data string) {
		t.Helper()
		must(syscall.Mount(source, target, kind, flags, data))
		t.Cleanup(func() {
			if err := syscall.Unmount(target, 0); err != nil {
				t.Errorf("unmount %s: %v", target, err)
			}
		})
	}
	mount("tmpfs", path, "tmpfs", 0, "size=256m")
	program, err := os.ReadFile(binary())
	must(err)
	must(os.WriteFile(filepath.Join(path, "waybill"), program, 0o755))
	data := filepath.Join(path, "data")
	must(os.Mkdir(data, 0o700))
	mount("tmpfs", data, "tmpfs", 0, "size=256m,mode=0700,uid=65532,gid=65532")
	must(syscall.Mount("", path, "", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	return path
}

// The program runs as in its image: alone in a file system that it cannot
// write, without root, and answers the image's health check.
func TestTheImageRuns(t *testing.T) {
	t.Parallel()
	shipped, err := elf.Open(binary())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = shipped.Close() }()
	for _, segment := range shipped.Progs {
		if segment.Type == elf.PT_INTERP {
			t.Fatal("the program is not static: it asks for a dynamic linker")
		}
	}
	path := image(t)
	inside := func(args ...string) *exec.Cmd {
		command := exec.Command("/waybill", args...)
		command.Path, command.Err = "/waybill", nil
		command.Dir = "/"
		command.Env = []string{"WAYBILL_DATA_DIR=/data", "WAYBILL_LISTEN=127.0.0.1:0", "WAYBILL_HEALTH_LISTEN=127.0.0.1:0"}
		command.SysProcAttr = &syscall.SysProcAttr{
			Chroot:     path,
			Credential: &syscall.Credential{Uid: imageUser, Gid: imageUser},
		}
		return command
	}
	command := inside("serve")
	s := &server{t: t, command: command, log: &journal{}, ready: make(chan struct{}), done: make(chan struct{})}
	command.Stderr = s.log
	out, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	go s.follow(out)
	t.Cleanup(s.kill)
	s.awaitReady()
	if said, err := inside("health", "--server", s.health).CombinedOutput(); err != nil || !strings.Contains(string(said), "ready") {
		t.Errorf("the health check: %v\n%s", err, said)
	}
	if code := s.stop(); code != 0 {
		t.Errorf("exit code %d after SIGTERM:\n%s", code, s.log)
	}
	said, err := inside("health", "--server", s.health).CombinedOutput()
	if ended, ok := errors.AsType[*exec.ExitError](err); !ok || ended.ExitCode() != 1 {
		t.Errorf("the health check of a stopped server: %v\n%s", err, said)
	}
}
