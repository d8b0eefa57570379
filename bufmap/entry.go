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

// Entry is one buffer in a Map. It is kept small, because with many buffers the price of a lookup is that of the cache
// lines it touches: what Device and Find need is here, the rest behind a pointer.
type Entry struct {
	base  uintptr // CPU address of the mapping, 0 until Index
	size  int64
	m     *Map
	rest  *rest
	slots [nearTargets]slot
}

// nearTargets is how many targets have their slot in the Entry itself.
const nearTargets = 8

type rest struct {
	slots   [MaxTargets - nearTargets]slot
	buf     *dmabuf.Buffer
	owner   any
	closed  atomic.Bool
	results [MaxTargets]Result     // guarded by the target's mu
	devices [MaxTargets]DeviceAddr // guarded by the target's mu
}

// slot is the address of a buffer for one target: one word, so that a reader needs no lock. The low 48 bits are the address,
// the high 16 the low half of the generation in which it was learnt. That a tag comes again after 65,534 restarts is no
// danger: Renew replaces every word of the generation before by stale.
type slot struct{ atomic.Uint64 }

const (
	slotBits        = 48
	slotMask        = 1<<slotBits - 1
	special         = uint16(0xFFFF)              // tag of the two below; no generation has it, nor 0
	stale    uint64 = uint64(special) << slotBits // there was one, in an earlier generation
	wide     uint64 = stale + 1                   // it has more than 48 bits and is in rest.devices
)

func (e *Entry) slot(t *Target) *slot {
	if t.index < nearTargets {
		return &e.slots[t.index]
	}
	return &e.rest.slots[t.index-nearTargets]
}

// Add puts a buffer into the map. Its addresses are learnt by Attach. The entry must be closed before the buffer.
func (m *Map) Add(b *dmabuf.Buffer) (*Entry, error) {
	if b == nil {
		return nil, fmt.Errorf("adding a buffer: there is none: %w", os.ErrInvalid)
	}
	e := &Entry{m: m, size: b.Size(), rest: &rest{buf: b}}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed {
		return nil, fmt.Errorf("adding buffer %q: %w", b.Name(), os.ErrClosed)
	}
	m.entries[e] = struct{}{}
	return e, nil
}

// Buffer is the buffer of this entry.
func (e *Entry) Buffer() *dmabuf.Buffer { return e.rest.buf }

// SetOwner keeps a value for the caller, who finds it again through Find and Owner. It must be called before Index.
func (e *Entry) SetOwner(v any) { e.rest.owner = v }

// Owner returns what SetOwner kept.
func (e *Entry) Owner() any { return e.rest.owner }

// Device returns the address of n bytes at offset off for the processor t: in bounds, of the present generation, and
// without a lock or an allocation. The error wraps dmabuf.ErrRange for a range outside the buffer, ErrStale for a buffer
// that was attached before a restart of the processor, and os.ErrInvalid for one that was never attached; Attach is the cure
// for the last two.
func (e *Entry) Device(t *Target, off, n int64) (DeviceAddr, error) {
	if off < 0 || n < 0 || off > e.size || n > e.size-off {
		return 0, e.rest.buf.CheckRange(off, n)
	}
	w := e.slot(t).Load()
	if uint16(w>>slotBits) == uint16(t.generation.Load()) && e.m == t.m {
		return DeviceAddr(w&slotMask + uint64(off)), nil
	}
	return e.deviceSlow(t, w, off)
}

func (e *Entry) deviceSlow(t *Target, w uint64, off int64) (DeviceAddr, error) {
	if w == wide && e.m == t.m {
		t.mu.Lock()
		defer t.mu.Unlock()
		if e.slot(t).Load() == wide {
			return e.rest.devices[t.index] + DeviceAddr(off), nil
		}
		w = stale
	}
	return 0, e.noAddress(t, w)
}

func (e *Entry) noAddress(t *Target, w uint64) error {
	name := e.rest.buf.Name()
	switch {
	case e.m != t.m:
		return fmt.Errorf("device address of buffer %q for %s: the processor is one of another map: %w", name, t.name, os.ErrInvalid)
	case e.rest.closed.Load():
		return fmt.Errorf("device address of buffer %q for %s: %w", name, t.name, os.ErrClosed)
	case w != 0:
		return fmt.Errorf("device address of buffer %q for %s: %w: now is run %d", name, t.name, ErrStale, t.generation.Load())
	}
	return fmt.Errorf("device address of buffer %q for %s: not attached: %w", name, t.name, os.ErrInvalid)
}

// Attached tells whether Device has an address for t now.
func (e *Entry) Attached(t *Target) bool {
	w := e.slot(t).Load()
	return e.m == t.m && (uint16(w>>slotBits) == uint16(t.generation.Load()) || w == wide)
}

// Attach learns the address of the buffer for t, unless that is known already, and holds the attachment until Detach, Renew
// or Close. fresh says that this call made the attachment, for which the kernel has cleaned the CPU's caches.
func (e *Entry) Attach(t *Target) (fresh bool, err error) { return e.AttachAnew(t, nil) }

// AttachAnew is Attach. If an attachment of an earlier generation ends with it, ending is called before; its error is the
// result and changes nothing. ending must not use the target.
func (e *Entry) AttachAnew(t *Target, ending func(Result) error) (fresh bool, err error) {
	if e.Attached(t) {
		return false, nil
	}
	if e.m != t.m {
		return false, e.noAddress(t, 0)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.rest.closed.Load() {
		return false, e.noAddress(t, 0)
	}
	// Renew may raise the generation while the kernel works; the address is then of the old one, and Renew, which waits
	// for mu, ends it.
	generation := t.generation.Load()
	if e.Attached(t) {
		return false, nil
	}
	if _, old := t.attached[e]; old && ending != nil {
		if err := ending(e.rest.results[t.index]); err != nil {
			return false, err
		}
	}
	if err := e.detachLocked(t); err != nil {
		return false, err
	}
	r, err := t.chain.Translate(e.rest.buf)
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
		err = fmt.Errorf("buffer %q (%s) for %s, address by %s: %w", e.rest.buf.Name(), e.rest.buf.Heap(), t.name, r.Provenance, err)
		if r.Attachment != nil {
			err = errors.Join(err, r.Attachment.Close())
		}
		return false, err
	}
	e.rest.results[t.index], e.rest.devices[t.index] = r, d
	t.attached[e] = struct{}{}
	w := uint64(uint16(generation))<<slotBits | uint64(d)
	if uint64(d)+uint64(e.size-1) > slotMask {
		w = wide
		if t.generation.Load() != generation {
			w = stale
		}
	}
	e.slot(t).Store(w)
	return r.Attachment != nil, nil
}

// Result returns what the translator said about the buffer for t, and whether it is attached.
func (e *Entry) Result(t *Target) (Result, bool) {
	if e.m != t.m {
		return Result{}, false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	_, ok := t.attached[e]
	return e.rest.results[t.index], ok
}

// Detach forgets the address for t and closes its attachment. SYNC of the buffer does nothing for t from then on.
func (e *Entry) Detach(t *Target) error {
	if e.m != t.m {
		return e.noAddress(t, 0)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	err := e.detachLocked(t)
	e.slot(t).Store(0)
	return err
}

// Expire closes an attachment of an earlier generation. Its address is refused with ErrStale as before.
func (e *Entry) Expire(t *Target) error {
	if e.m != t.m {
		return e.noAddress(t, 0)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Attached(t) {
		return nil
	}
	return e.detachLocked(t)
}

// detachLocked closes the attachment. The address it leaves is told from one that never was.
func (e *Entry) detachLocked(t *Target) error {
	if _, ok := t.attached[e]; !ok {
		return nil
	}
	e.slot(t).Store(stale)
	delete(t.attached, e)
	a := e.rest.results[t.index].Attachment
	e.rest.results[t.index] = Result{}
	if a == nil {
		return nil
	}
	if err := a.Close(); err != nil {
		return fmt.Errorf("detaching buffer %q from %s: %w", e.rest.buf.Name(), t.name, err)
	}
	return nil
}

// Close removes the buffer from the map and closes its attachments. It is idempotent. The buffer itself stays open.
func (e *Entry) Close() error {
	if !e.rest.closed.CompareAndSwap(false, true) {
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
	return joinf(errs, "removing buffer %q", e.rest.buf.Name())
}

func joinf(errs []error, format string, args ...any) error {
	err := errors.Join(errs...)
	if err == nil {
		return nil
	}
	return fmt.Errorf(format+": %w", append(args, err)...)
}
