// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
)

// trace is the trace buffer of a run: text up to a NUL in the processor's memory. When it is full the older half goes.
type trace struct {
	mu  sync.Mutex
	mem []byte
	n   int
}

// printf writes one line.
func (t *trace) printf(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.mem) < 2 {
		return
	}
	line := strings.TrimSuffix(fmt.Sprintf(format, args...), "\n") + "\n"
	room := len(t.mem) - 1
	if len(line) > room/2 {
		line = line[:room/2]
	}
	if t.n+len(line) > room {
		half := t.mem[t.n/2 : t.n]
		if i := bytes.IndexByte(half, '\n'); i >= 0 {
			half = half[i+1:]
		}
		t.n = copy(t.mem, half)
	}
	t.n += copy(t.mem[t.n:room], line)
	t.mem[t.n] = 0
}

// text reads the memory, whatever the processor wrote there.
func (t *trace) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, _, _ := bytes.Cut(t.mem, []byte{0})
	return strings.ToValidUTF8(string(s), "\ufffd")
}
