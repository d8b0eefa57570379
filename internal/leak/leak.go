// SPDX-License-Identifier: Apache-2.0

package leak

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
)

// ExitCode is the exit code of a test binary whose tests passed but left something behind.
const ExitCode = 99

// grace is how long a goroutine may take to end or a descriptor to close after the last test.
const grace = 2 * time.Second

// Main runs the tests of a binary and exits.
func Main(m *testing.M) {
	tracker := sys.NewTracker()
	sys.Track(tracker)
	before := take()
	code := m.Run()
	// A fuzzing process talks to its workers over descriptors that the testing package keeps.
	if f := flag.Lookup("test.fuzz"); code == 0 && (f == nil || f.Value.String() == "") {
		if left := before.wait(tracker); left != "" {
			fmt.Fprintf(os.Stderr, "leak: the tests passed, but left behind\n%s", left)
			code = ExitCode
		}
	}
	os.Exit(code)
}

// Check fails tb if at its end there is more than now. It must be called before what is checked and in no parallel test.
func Check(tb testing.TB) {
	tb.Helper()
	tracker := sys.Tracking()
	if tracker == nil {
		tracker = sys.NewTracker()
		sys.Track(tracker)
		tb.Cleanup(func() { sys.Track(nil) })
	}
	before := take()
	before.ignore(tracker)
	tb.Cleanup(func() {
		if left := before.wait(tracker); left != "" {
			tb.Errorf("leak: %s left behind\n%s", tb.Name(), left)
		}
	})
}

// state is what a process holds at one moment.
type state struct {
	fds        map[int]string
	goroutines map[string]string
	records    map[*sys.Record]bool
}

func take() *state {
	// The first pollable file starts the runtime's poller, whose descriptors stay for good: have them now.
	if r, w, err := os.Pipe(); err == nil {
		r.Close()
		w.Close()
	}
	return &state{fds: openFDs(), goroutines: goroutines(), records: make(map[*sys.Record]bool)}
}

func (s *state) ignore(t *sys.Tracker) {
	for _, r := range t.Open() {
		s.records[r] = true
	}
}

func (s *state) wait(t *sys.Tracker) string {
	deadline := time.Now().Add(grace)
	for pause := time.Millisecond; ; pause *= 2 {
		left := s.report(t)
		if left == "" || time.Now().After(deadline) {
			return left
		}
		<-time.After(min(pause, 100*time.Millisecond))
	}
}

// report lists what is there now and was not in s.
func (s *state) report(t *sys.Tracker) string {
	var b strings.Builder
	stacks := make(map[int]string)
	for _, r := range t.Open() {
		switch {
		case s.records[r]:
		case r.FD >= 0:
			stacks[r.FD] = r.Stack()
		default:
			fmt.Fprintf(&b, "%s, made by\n%s", r.What, r.Stack())
		}
	}
	for fd, link := range openFDs() {
		if old, ok := s.fds[fd]; ok && old == link {
			continue
		}
		fmt.Fprintf(&b, "fd %d: %s\n%s", fd, link, stacks[fd])
	}
	for id, stack := range goroutines() {
		if _, ok := s.goroutines[id]; !ok {
			fmt.Fprintf(&b, "%s\n", stack)
		}
	}
	return b.String()
}
