// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"math/bits"
	"os"
	"sync/atomic"

	"github.com/offload-runtime/offload/dmabuf"
)

// slot is the address of a buffer for one target. A reader takes stamp, device and stamp again; equal stamps mean that the
// address belongs to them. The low half of a stamp is the generation, the high half makes each attach different; 0 is none.
type slot struct {
	stamp  atomic.Uint64
	device atomic.Uint64
}

// Entry is one buffer in a Map.
type Entry struct {
	base  uintptr // CPU address of the mapping, 0 until Index
	size  int64
	slots [MaxTargets]slot

	m        *Map
	buf      *dmabuf.Buffer
	attaches atomic.Uint32
	results  [MaxTargets]Result // guarded by the target's mu
	closed   atomic.Bool
	owner    any
}

// Add puts a buffer into the map. Its addresses are learnt by Attach.
func (m *Map) Add(b *dmabuf.Buffer) (*Entry, error) {
	e := &Entry{m: m, buf: b, size: b.Size()}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("adding buffer %q: %w", b.Name(), os.ErrClosed)
	}
	m.entries[e] = struct{}{}
	return e, nil
}

// Buffer is the buffer of this entry.
func (e *Entry) Buffer() *dmabuf.Buffer { return e.buf }

// SetOwner keeps a value for the caller, who finds it again through Find and Owner. It must be called before Index.
func (e *Entry) SetOwner(v any) { e.owner = v }

// Owner returns what SetOwner kept.
func (e *Entry) Owner() any { return e.owner }

// Device returns the address of n bytes at offset off for the processor t: in bounds, of the present generation, and
// without a lock or an allocation. The error wraps dmabuf.ErrRange for a range outside the buffer, ErrStale for a buffer
// that was attached before a restart of the processor, and os.ErrInvalid for one that was never attached; Attach is the cure
// for the last two.
func (e *Entry) Device(t *Target, off, n int64) (DeviceAddr, error) {
	if off < 0 || n < 0 || off > e.size || n > e.size-off {
		return 0, e.buf.CheckRange(off, n)
	}
	s := &e.slots[t.index]
	for {
		stamp := s.stamp.Load()
		if uint32(stamp) != t.generation.Load() {
			return 0, e.noAddress(t, stamp)
		}
		d := s.device.Load()
		if s.stamp.Load() == stamp {
			return DeviceAddr(d + uint64(off)), nil
		}
	}
}

func (e *Entry) noAddress(t *Target, stamp uint64) error {
	switch {
	case e.closed.Load():
		return fmt.Errorf("device address of buffer %q for %s: %w", e.buf.Name(), t.name, os.ErrClosed)
	case stamp != 0:
		return fmt.Errorf("device address of buffer %q for %s: %w: it was attached in generation %d, now is %d",
			e.buf.Name(), t.name, ErrStale, uint32(stamp), t.generation.Load())
	}
	return fmt.Errorf("device address of buffer %q for %s: not attached: %w", e.buf.Name(), t.name, os.ErrInvalid)
}

// Attached tells whether Device has an address for t now.
func (e *Entry) Attached(t *Target) bool {
	return uint32(e.slots[t.index].stamp.Load()) == t.generation.Load()
}

// Attach learns the address of the buffer for t, unless that is known already, and holds the attachment until Detach, Renew
// or Close. fresh says that this call made the attachment, for which the kernel has cleaned the CPU's caches.
func (e *Entry) Attach(t *Target) (fresh bool, err error) {
	if e.Attached(t) {
		return false, nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.closed.Load() {
		return false, e.noAddress(t, 0)
	}
	generation := t.generation.Load()
	if uint32(e.slots[t.index].stamp.Load()) == generation {
		return false, nil
	}
	if err := e.detachLocked(t); err != nil {
		return false, err
	}
	r, err := t.chain.Translate(e.buf)
	if err != nil {
		return false, fmt.Errorf("%s: %w", t.name, err)
	}
	d, err := t.windows.Device(r.Phys, uint64(e.size))
	if err == nil {
		if last := uint64(d) + uint64(e.size-1); last < uint64(d) || bits.Len64(last) > t.windows.bits {
			err = fmt.Errorf("device %#x-%#x: %w (%d)", uint64(d), last, ErrReach, t.windows.bits)
		}
	}
	if err != nil {
		err = fmt.Errorf("buffer %q (%s) for %s, address by %s: %w", e.buf.Name(), e.buf.Heap(), t.name, r.Provenance, err)
		if r.Attachment != nil {
			err = errors.Join(err, r.Attachment.Close())
		}
		return false, err
	}
	e.results[t.index] = r
	t.attached[e] = struct{}{}
	s := &e.slots[t.index]
	s.device.Store(uint64(d))
	s.stamp.Store(uint64(e.attaches.Add(1))<<32 | uint64(generation))
	return r.Attachment != nil, nil
}

// Result returns what the translator said about the buffer for t, and whether it is attached.
func (e *Entry) Result(t *Target) (Result, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.attached[e]
	return e.results[t.index], ok
}

// Detach forgets the address for t and closes its attachment. SYNC of the buffer does nothing for t from then on.
func (e *Entry) Detach(t *Target) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	e.slots[t.index].stamp.Store(0)
	return e.detachLocked(t)
}

// detachLocked closes the attachment. It leaves the stamp, so that an address of an earlier generation is told from one
// that never was.
func (e *Entry) detachLocked(t *Target) error {
	if _, ok := t.attached[e]; !ok {
		return nil
	}
	delete(t.attached, e)
	a := e.results[t.index].Attachment
	e.results[t.index] = Result{}
	if a == nil {
		return nil
	}
	if err := a.Close(); err != nil {
		return fmt.Errorf("detaching buffer %q from %s: %w", e.buf.Name(), t.name, err)
	}
	return nil
}

// Close removes the buffer from the map and closes its attachments. It is idempotent. The buffer itself stays open.
func (e *Entry) Close() error {
	if !e.closed.CompareAndSwap(false, true) {
		return nil
	}
	e.m.mu.Lock()
	delete(e.m.entries, e)
	targets := e.m.targets
	if e.base != 0 {
		e.m.pages.remove(e)
	}
	e.m.mu.Unlock()
	var errs []error
	for _, t := range targets {
		errs = append(errs, e.Detach(t))
	}
	return joinf(errs, "removing buffer %q", e.buf.Name())
}

func joinf(errs []error, format string, args ...any) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
