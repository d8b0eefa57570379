// SPDX-License-Identifier: Apache-2.0

package leak_test

import (
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/sys"
)

func TestMain(m *testing.M) { leak.Main(m) }

const childVar = "OFFLOAD_LEAK_CHILD"

// kept holds what the child leaks, so that no finalizer tidies up behind it.
var kept struct {
	file *os.File
	fd   *sys.FD
	mem  []byte
}

// TestChild leaks on demand. It runs in a process of its own, started by the other tests.
func TestChild(t *testing.T) {
	kind := os.Getenv(childVar)
	if kind == "" {
		return
	}
	if after, ok := strings.CutPrefix(kind, "check-"); ok {
		kind = after
		leak.Check(t)
	}
	var err error
	switch kind {
	case "nothing":
		err = tidy()
	case "file":
		kept.file, err = os.Open("/dev/null")
	case "fd":
		kept.fd, err = sys.Open("/dev/null", os.O_RDONLY)
	case "mapping":
		kept.mem, err = sys.MmapAnon(12288)
	case "goroutine":
		go func() { select {} }()
	case "failure":
		kept.file, _ = os.Open("/dev/null")
		err = errors.New("a failure of its own")
	default:
		t.Fatalf("unknown leak %q", kind)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func tidy() error {
	f, err := sys.Memfd("child", sys.MemfdConfig{Size: 4096})
	if err != nil {
		return err
	}
	p, err := sys.Mmap(f, 4096, sys.ProtReadWrite)
	if err != nil {
		return err
	}
	done := make(chan struct{})
	go close(done)
	<-done
	return errors.Join(sys.Munmap(p), f.Close())
}

func runChild(t *testing.T, kind string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), childVar+"="+kind)
	out, err := cmd.CombinedOutput()
	if exit := (*exec.ExitError)(nil); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func TestMainNotices(t *testing.T) {
	tests := []struct {
		kind string
		code int
		want []string
	}{
		{"nothing", 0, []string{"PASS"}},
		{"file", leak.ExitCode, []string{"fd ", "/dev/null"}},
		{"fd", leak.ExitCode, []string{"fd ", "/dev/null", "leak_test.TestChild"}},
		{"mapping", leak.ExitCode, []string{"mapping of 12288 bytes", "leak_test.TestChild"}},
		{"goroutine", leak.ExitCode, []string{"goroutine ", "select (no cases)", "leak_test.TestChild"}},
		{"failure", 1, []string{"a failure of its own"}},
		{"check-nothing", 0, []string{"PASS"}},
		{"check-file", 1, []string{"TestChild left behind", "/dev/null"}},
		{"check-mapping", 1, []string{"TestChild left behind", "mapping of 12288 bytes"}},
		{"check-goroutine", 1, []string{"TestChild left behind", "select (no cases)"}},
	}
	for _, test := range tests {
		t.Run(test.kind, func(t *testing.T) {
			t.Parallel()
			out, code := runChild(t, test.kind)
			if code != test.code {
				t.Errorf("exit code %d, want %d\n%s", code, test.code, out)
			}
			for _, want := range test.want {
				if !strings.Contains(out, want) {
					t.Errorf("no %q in\n%s", want, out)
				}
			}
		})
	}
}
