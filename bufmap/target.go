// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// MaxTargets is how many processors one Map can serve. The largest TI K3 device has 12 remote processors.
const MaxTargets = 16

// Target is one processor for which a Map holds addresses.
type Target struct {
	m       *Map
	name    string
	index   int
	windows Windows
	chain   Chain

	// generation counts the runs of the processor. Addresses are valid in the generation in which they were learnt. Its
	// low half is never 0 or 0xFFFF, which mean something else in a slot.
	generation atomic.Uint32

	_ [64]byte // what changes with each attach stays off the cache line that readers use

	// mu serialises attach and detach: TI's attach ioctl is not safe against itself (TI release notes, LCPD-38600).
	mu sync.Mutex
	// attached holds the entries that have an address for this target; it is guarded by mu.
	attached map[*Entry]struct{}
}

// Name is the name of the processor.
func (t *Target) Name() string { return t.name }

// Windows is the address map of the processor.
func (t *Target) Windows() Windows { return t.windows }

// Generation is the number of the processor's present run. It begins at 1 and only grows.
func (t *Target) Generation() uint32 { return t.generation.Load() }

// Renew says that the processor was stopped or restarted: every address learnt before is refused with ErrStale from now
// on. The attachments from before are closed, which a kernel of TI's needs before a buffer is attached again
// (attachments are found by device and buffer there, so a late close would end the new one).
func (t *Target) Renew() error {
	t.Expire()
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for e := range t.attached {
		errs = append(errs, e.detachLocked(t))
	}
	return joinf(errs, "renewing the attachments of %s", t.name)
}

// Expire is Renew without its end: the attachments stay until Entry.Expire or the next Attach of each buffer. It is for
// owners of buffers whose caches must be written back before an attachment ends.
func (t *Target) Expire() {
	for {
		old := t.generation.Load()
		next := old + 1
		for uint16(next) == 0 || uint16(next) == special {
			next++
		}
		if t.generation.CompareAndSwap(old, next) {
			break
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for e := range t.attached {
		e.slot(t).Store(stale)
	}
}

// Map is the buffers of one runtime and the processors they are for. Lookups take no locks.
type Map struct {
	pages pageTable

	mu      sync.Mutex
	targets []*Target
	entries map[*Entry]struct{}
	closed  bool
}

// NewMap returns an empty map.
func NewMap() *Map { return &Map{entries: map[*Entry]struct{}{}} }

// AddTarget adds a processor. Its generation is 1.
func (m *Map) AddTarget(name string, w Windows, c Chain) (*Target, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("adding processor %s: %w", name, os.ErrClosed)
	}
	if len(m.targets) == MaxTargets {
		return nil, fmt.Errorf("adding processor %s: a map serves %d processors: %w", name, MaxTargets, os.ErrInvalid)
	}
	t := &Target{m: m, name: name, index: len(m.targets), windows: w, chain: c, attached: map[*Entry]struct{}{}}
	t.generation.Store(1)
	m.targets = append(m.targets, t)
	return t, nil
}

// Len is the number of buffers in the map.
func (m *Map) Len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.entries)
}

// Close removes all buffers and closes their attachments. The buffers themselves stay open.
func (m *Map) Close() error {
	m.mu.Lock()
	m.closed = true
	entries := make([]*Entry, 0, len(m.entries))
	for e := range m.entries {
		entries = append(entries, e)
	}
	m.mu.Unlock()
	var errs []error
	for _, e := range entries {
		errs = append(errs, e.Close())
	}
	return joinf(errs, "closing the buffer map")
}
