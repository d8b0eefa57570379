// SPDX-License-Identifier: Apache-2.0

package testenv_test

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/testenv"
)

func TestMain(m *testing.M) { leak.Main(m) }

// recorder stands in for a test and remembers how it ended.
type recorder struct {
	testing.TB
	skipped, failed string
}

func (r *recorder) Helper() {}
func (r *recorder) Skipf(format string, args ...any) {
	r.skipped = fmt.Sprintf(format, args...)
	runtime.Goexit()
}
func (r *recorder) Fatalf(format string, args ...any) {
	r.failed = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func run(f func(testing.TB)) *recorder {
	r := new(recorder)
	done := make(chan struct{})
	go func() {
		defer close(done)
		f(r)
	}()
	<-done
	return r
}

func TestMissing(t *testing.T) {
	heap := func(tb testing.TB) { testenv.NeedHeap(tb, "no-such-heap") }
	tests := []struct {
		name, require string
		need          func(testing.TB)
		skip, fail    string
	}{
		{"heap skips", "", heap, "dma_heap is missing: stat /dev/dma_heap/no-such-heap", ""},
		{"heap required by all", "1", heap, "", "/dev/dma_heap/no-such-heap"},
		{"heap required by name", "rproc, dma_heap", heap, "", "dma_heap is missing"},
		{"another thing required", "rproc,rpmsg", heap, "dma_heap is missing", ""},
		{"a part of a word is not the word", "dma_heap2,dma", heap, "dma_heap is missing", ""},
		{"device", "udmabuf", func(tb testing.TB) { testenv.NeedDevice(tb, "/dev/udmabuf-none") }, "", "udmabuf is missing"},
		{"rproc", "rproc", func(tb testing.TB) { testenv.NeedDevice(tb, "/sys/class/remoteproc/remoteproc99") }, "", "rproc is missing"},
		{"rpmsg", "", func(tb testing.TB) { testenv.NeedGlob(tb, "/dev/rpmsg_none*") }, "rpmsg is missing: nothing matches /dev/rpmsg_none*", ""},
		{"command", "no-such-command", func(tb testing.TB) { testenv.NeedCommand(tb, "no-such-command") }, "", "no-such-command is missing"},
		{"bad pattern", "", func(tb testing.TB) { testenv.NeedGlob(tb, "[") }, "", "pattern"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv(testenv.RequireVar, test.require)
			r := run(test.need)
			if (r.skipped == "") != (test.skip == "") || !strings.Contains(r.skipped, test.skip) {
				t.Errorf("skipped with %q, want %q", r.skipped, test.skip)
			}
			if (r.failed == "") != (test.fail == "") || !strings.Contains(r.failed, test.fail) {
				t.Errorf("failed with %q, want %q", r.failed, test.fail)
			}
		})
	}
}

func TestPresent(t *testing.T) {
	t.Setenv(testenv.RequireVar, "1")
	path := filepath.Join(t.TempDir(), "node")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	var found []string
	r := run(func(tb testing.TB) {
		testenv.NeedDevice(tb, path)
		found = testenv.NeedGlob(tb, filepath.Dir(path)+"/n*")
	})
	if r.skipped != "" || r.failed != "" || len(found) != 1 || found[0] != path {
		t.Errorf("skipped %q, failed %q, found %v", r.skipped, r.failed, found)
	}
	if r := run(testenv.NeedUser); r.failed != "" {
		t.Errorf("all things are required, and a lesser user is one: %s", r.failed)
	}
	t.Setenv(testenv.RequireVar, "")
	asRoot, asUser := run(testenv.NeedRoot), run(testenv.NeedUser)
	if (asRoot.skipped == "") == (asUser.skipped == "") {
		t.Errorf("NeedRoot %q, NeedUser %q: exactly one must skip", asRoot.skipped, asUser.skipped)
	}
}
