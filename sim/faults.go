// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Faults disturbs messages at random: each field but Seed and MaxDelay is a probability from 0 to 1 for each message. The
// same seed and the same messages give the same disturbances; each processor and direction has a sequence of its own.
type Faults struct {
	Seed      uint64
	Drop      float64
	Duplicate float64
	Reorder   float64 // the message comes after the one that follows it
	Delay     float64 // the message comes up to MaxDelay later, others overtake it
	Corrupt   float64 // one bit is wrong
	Truncate  float64 // the end is missing
	MaxDelay  time.Duration
}

func (f Faults) check() error {
	for name, p := range map[string]float64{"Drop": f.Drop, "Duplicate": f.Duplicate, "Reorder": f.Reorder, "Delay": f.Delay, "Corrupt": f.Corrupt, "Truncate": f.Truncate} {
		if !(p >= 0 && p <= 1) {
			return fmt.Errorf("Faults.%s is %v, a probability lies from 0 to 1", name, p)
		}
	}
	if f.MaxDelay < 0 {
		return fmt.Errorf("Faults.MaxDelay is %v", f.MaxDelay)
	}
	return nil
}

func (f Faults) any() bool {
	return f.Drop+f.Duplicate+f.Reorder+f.Delay+f.Corrupt+f.Truncate > 0
}

// FaultKind is what an injected fault does.
type FaultKind uint8

// The kinds of faults. Those of messages heed Fault.ToHost.
const (
	Drop        FaultKind = iota + 1 // the message is lost
	Duplicate                        // it comes twice
	Reorder                          // it comes after the one that follows it, or after 10 ms
	Delay                            // it comes Fault.Delay later, others overtake it
	Corrupt                          // its first byte is one that no message begins with
	Truncate                         // its second half is missing
	UnknownID                        // the id of a response is one that nobody asked for; always ToHost
	CrashBefore                      // the processor crashes instead of running the method
	CrashAfter                       // it crashes after the host has taken the answer
	Hang                             // it hangs instead of running the method
	Stall                            // it stands still for Fault.Delay before the method, and the ring fills
	NoMemory                         // an allocation fails; Fault.Heap chooses the heap
	NoAttach                         // the processor cannot be attached to a buffer
)

func (k FaultKind) String() string {
	names := [...]string{"no fault", "drop", "duplicate", "reorder", "delay", "corrupt", "truncate", "unknown id", "crash before",
		"crash after", "hang", "stall", "no memory", "no attach"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("fault %d", uint8(k))
}

// Fault is a disturbance on demand.
type Fault struct {
	Kind   FaultKind
	Method string        // of messages: only of this method or notification; any if empty
	ToHost bool          // of messages: answers and notifications of the processor instead of requests
	Heap   string        // NoMemory: only of this heap; any if empty
	Skip   int           // so many that match go by first
	Count  int           // and so many are hit then; 1 if 0, all from then on if negative
	Delay  time.Duration // Delay and Stall
}

type armed struct {
	Fault
	processor string
}

// faults decides about disturbances.
type faults struct {
	active atomic.Bool // something is armed

	mu     sync.Mutex
	random Faults
	rng    map[string]*rand.Rand
	armed  []*armed
}

func (f *faults) init(c Faults) {
	f.random = c
	f.rng = map[string]*rand.Rand{}
	f.active.Store(c.any())
}

// Inject arms a fault. The processor may be empty for NoMemory.
func (b *Board) Inject(processor string, f Fault) error {
	if f.Kind == 0 || f.Kind > NoAttach || f.Skip < 0 || f.Delay < 0 {
		return fmt.Errorf("inject %v into %q: no such fault, or a negative number", f.Kind, processor)
	}
	if f.Kind != NoMemory || processor != "" {
		if _, err := b.Processor(processor); err != nil {
			return fmt.Errorf("inject %v: %w", f.Kind, err)
		}
	}
	if f.Heap != "" {
		h := b.heap(f.Heap)
		if h == nil {
			return fmt.Errorf("inject %v: no heap %q", f.Kind, f.Heap)
		}
		f.Heap = h.cfg.Name
	}
	if f.Kind == UnknownID {
		f.ToHost = true
	}
	if f.Count == 0 {
		f.Count = 1
	}
	b.faults.mu.Lock()
	defer b.faults.mu.Unlock()
	b.faults.armed = append(b.faults.armed, &armed{f, processor})
	b.faults.active.Store(true)
	return nil
}

// take returns the first armed fault that matches, and counts it.
func (f *faults) take(match func(*armed) bool) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, a := range f.armed {
		if !match(a) {
			continue
		}
		if a.Skip > 0 {
			a.Skip--
			continue
		}
		hit := a.Fault
		if a.Count > 0 {
			if a.Count--; a.Count == 0 {
				f.armed = slices.Delete(f.armed, i, i+1)
				f.active.Store(len(f.armed) > 0 || f.random.any())
			}
		}
		return hit, true
	}
	return Fault{}, false
}

func (f *faults) takeAlloc(heap string) bool {
	if !f.active.Load() {
		return false
	}
	_, hit := f.take(func(a *armed) bool { return a.Kind == NoMemory && (a.Heap == "" || a.Heap == heap) })
	return hit
}

func (f *faults) takeAttach(processor string) bool {
	if !f.active.Load() {
		return false
	}
	_, hit := f.take(func(a *armed) bool { return a.Kind == NoAttach && a.processor == processor })
	return hit
}

func (f *faults) takeCall(processor, method string) (Fault, bool) {
	return f.take(func(a *armed) bool {
		return a.Kind >= CrashBefore && a.Kind <= Stall && a.processor == processor && (a.Method == "" || a.Method == method)
	})
}

func (f *faults) takeMessage(processor, method string, toHost bool) (Fault, bool) {
	return f.take(func(a *armed) bool {
		return a.Kind <= UnknownID && a.ToHost == toHost && a.processor == processor && (a.Method == "" || a.Method == method)
	})
}

// roll decides about one message at random. It draws as many numbers whatever the outcome.
func (f *faults) roll(processor string, toHost bool) (hits []Fault, bit uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.random
	if !c.any() {
		return nil, 0
	}
	key := fmt.Sprint(processor, toHost)
	g := f.rng[key]
	if g == nil {
		h := fnv.New64a()
		h.Write([]byte(key))
		g = rand.New(rand.NewPCG(c.Seed, h.Sum64()))
		f.rng[key] = g
	}
	for _, p := range [...]struct {
		kind FaultKind
		p    float64
	}{{Drop, c.Drop}, {Truncate, c.Truncate}, {Corrupt, c.Corrupt}, {Duplicate, c.Duplicate}, {Reorder, c.Reorder}, {Delay, c.Delay}} {
		if g.Float64() < p.p {
			hits = append(hits, Fault{Kind: p.kind, ToHost: toHost})
		}
	}
	bit = g.Uint64()
	share := g.Float64()
	for i := range hits {
		hits[i].Delay = time.Duration(share * float64(c.MaxDelay))
	}
	return hits, bit
}
