// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"os"
	"runtime"
	"strconv"
	"strings"
)

// openFDs maps descriptors to what they refer to. The one that reads the directory is not among them: its link is gone
// by the time it is read.
func openFDs() map[int]string {
	const dir = "/proc/self/fd"
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil
	}
	fds := make(map[int]string, len(entries))
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		if link, err := os.Readlink(dir + "/" + e.Name()); err == nil {
			fds[n] = link
		}
	}
	return fds
}

// theirs are functions whose goroutines the runtime and the testing package keep for themselves.
var theirs = []string{
	"testing.(*M).",
	"testing.(*F).Fuzz",
	"os/signal.signal_recv",
	"os/signal.loop",
	"runtime.ensureSigM",
	"runtime.runFinalizers",
	"runtime.runCleanups",
	"runtime.ReadTrace",
	"runtime/pprof.profileWriter",
}

// goroutines maps the header "goroutine N" of each goroutine but the calling one and theirs to its stack.
func goroutines() map[string]string {
	buf := make([]byte, 64<<10)
	for {
		n := runtime.Stack(buf, true)
		if n < len(buf) {
			buf = buf[:n]
			break
		}
		buf = make([]byte, 2*len(buf))
	}
	list := make(map[string]string)
	for i, stack := range strings.Split(string(buf), "\n\n") {
		if i == 0 || ignored(stack) { // the first is the caller
			continue
		}
		id, _, _ := strings.Cut(stack, " [")
		list[id] = stack
	}
	return list
}

func ignored(stack string) bool {
	for _, f := range theirs {
		if strings.Contains(stack, "\n"+f) {
			return true
		}
	}
	return false
}
