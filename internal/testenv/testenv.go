// SPDX-License-Identifier: Apache-2.0

package testenv

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// RequireVar names the environment variable that turns skips into failures.
const RequireVar = "OFFLOAD_REQUIRE"

// notRoot is the thing that NeedUser needs.
const notRoot = "user"

// Missing skips the test because thing is not there, or fails it where thing is required. detail says what exactly.
func Missing(tb testing.TB, thing, detail string) {
	tb.Helper()
	if required(os.Getenv(RequireVar), thing) {
		tb.Fatalf("%s is missing: %s (%s requires it)", thing, detail, RequireVar)
	}
	tb.Skipf("%s is missing: %s", thing, detail)
}

func required(list, thing string) bool {
	for word := range strings.SplitSeq(list, ",") {
		// A machine where everything is there is one where the tests are root, so "1" cannot stand for a lesser user.
		if word = strings.TrimSpace(word); word == thing || word == "1" && thing != notRoot {
			return true
		}
	}
	return false
}

// NeedDevice needs a device node or any other path.
func NeedDevice(tb testing.TB, path string) {
	tb.Helper()
	// Opening it would be a stronger test, but closing /dev/remoteprocN can stop the processor.
	if _, err := os.Stat(path); err != nil {
		Missing(tb, thing(path), err.Error())
	}
}

// NeedGlob needs at least one path that matches, and returns them all.
func NeedGlob(tb testing.TB, pattern string) []string {
	tb.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		tb.Fatalf("testenv: pattern %q: %v", pattern, err)
	}
	if len(paths) == 0 {
		Missing(tb, thing(pattern), "nothing matches "+pattern)
	}
	return paths
}

// NeedHeap needs the DMA heap of that name, and returns the path of its node.
func NeedHeap(tb testing.TB, name string) string {
	tb.Helper()
	path := filepath.Join("/dev/dma_heap", name)
	NeedDevice(tb, path)
	return path
}

// NeedRoot needs user 0.
func NeedRoot(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		Missing(tb, "root", "not run as root")
	}
}

// NeedUser needs a user other than 0, for tests of what is forbidden. Only the word user itself requires it.
func NeedUser(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() == 0 {
		Missing(tb, notRoot, "run as root, to which nothing is forbidden")
	}
}

// NeedCommand needs a program, and returns its path.
func NeedCommand(tb testing.TB, name string) string {
	tb.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		Missing(tb, name, err.Error())
	}
	return path
}

// thing is the word for a path.
func thing(path string) string {
	for _, t := range []struct{ prefix, word string }{
		{"/dev/dma_heap", "dma_heap"},
		{"/dev/udmabuf", "udmabuf"},
		{"/dev/dma-buf-phys", "dma_buf_phys"},
		{"/dev/remoteproc", "rproc"},
		{"/sys/class/remoteproc", "rproc"},
		{"/dev/rpmsg", "rpmsg"},
		{"/sys/bus/rpmsg", "rpmsg"},
		{"/sys/class/rpmsg", "rpmsg"},
	} {
		if strings.HasPrefix(path, t.prefix) {
			return t.word
		}
	}
	return filepath.Base(path)
}
