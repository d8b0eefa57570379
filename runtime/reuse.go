// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
)

// ReuseConfig bounds the memory of freed buffers that rests, attached and mapped, until a buffer of about its size is
// allocated from its heap. The zero value works. Resting memory is given back when it grows old, when a heap is exhausted,
// when the machine is short of memory, and by Runtime.Trim.
type ReuseConfig struct {
	Off     bool          // nothing rests
	Bytes   int64         // at most; 0 is 64 MiB
	Buffers int           // at most, because each holds a descriptor; 0 is 128
	Age     time.Duration // at most; 0 is 10 s
	// ProcFS is where pressure/memory is, instead of /proc. A kernel without it (CONFIG_PSI) tells of no pressure.
	ProcFS string
}

func (c *ReuseConfig) complete() error {
	if c.Bytes < 0 || c.Buffers < 0 || c.Age < 0 {
		return fmt.Errorf("reuse of %d bytes, %d buffers, %v: %w", c.Bytes, c.Buffers, c.Age, os.ErrInvalid)
	}
	if c.Bytes == 0 {
		c.Bytes = 64 << 20
	}
	if c.Buffers == 0 {
		c.Buffers = 128
	}
	if c.Age == 0 {
		c.Age = 10 * time.Second
	}
	if c.ProcFS == "" {
		c.ProcFS = "/proc"
	}
	return nil
}

// block is memory that one Buffer has after the other.
type block struct {
	mem   *dmabuf.Buffer
	entry *bufmap.Entry
	heap  string
	pool  *Pool // whose it is; nil for memory of the cache
	slack int64 // bytes by which the heap rounded up, beyond a page

	owner atomic.Pointer[Buffer] // nil while it rests

	// Of a block that rests, guarded by the cache.
	ownership
	label string        // of the last owner
	clean bool          // all zero
	since time.Time     // when it was freed
	busy  chan struct{} // closed when the zeroing that is under way ends
}

// cache is the blocks that rest. Its lock comes after those of buffers and before all others.
type cache struct {
	c          ReuseConfig
	stats      *memoryCounters
	processors []*processor

	mu      sync.Mutex
	rest    []*block // oldest first; those of pools are with them
	bytes   int64
	pools   []*Pool
	closed  bool
	tending bool
	wake    chan struct{}
	tender  sync.WaitGroup
}

// fits says whether the block may serve a request without much waste: SYNC costs the whole of it.
func (k *block) fits(want int64) bool {
	waste := k.mem.Size() - want
	return waste >= 0 && waste <= max(want/4, k.slack)
}

// take finds memory for a request; nil if none rests.
func (c *cache) take(heap string, a *AllocConfig, list []*processor) (*block, error) {
	want := pages(a.Size)
	c.mu.Lock()
	for {
		best, points := -1, -1
		for i, k := range slices.Backward(c.rest) {
			if k.heap != heap || !k.fits(want) {
				continue
			}
			if p := k.points(a, list); p > points {
				best, points = i, p
			}
		}
		if best < 0 {
			c.mu.Unlock()
			return nil, nil
		}
		k := c.rest[best]
		if busy := k.busy; busy != nil {
			c.mu.Unlock()
			<-busy
			c.mu.Lock()
			continue
		}
		c.rest = slices.Delete(c.rest, best, best+1)
		c.bytes -= k.mem.Size()
		c.mu.Unlock()
		return k, c.prepare(k, a)
	}
}

// points is how well a resting block serves: nothing to zero, nothing to attach.
func (k *block) points(a *AllocConfig, list []*processor) (n int) {
	if k.clean || a.Keep && k.label == a.owner {
		n = 4
	}
	if k.busy == nil {
		n += 2
	}
	for _, p := range list {
		if !k.entry.Attached(p.target) {
			return n
		}
	}
	return n + 1
}

// prepare makes a block that was taken from rest fit for its next owner. On error it is gone.
func (c *cache) prepare(k *block, a *AllocConfig) error {
	if !k.clean && !(a.Keep && k.label == a.owner) {
		if err := k.wipe(c.stats); err != nil {
			return errors.Join(err, k.close())
		}
		k.clean = true
		c.stats.zeroed.Add(k.mem.Size())
	}
	return nil
}

// wipe zeroes the memory through the CPU, after what a processor wrote has been fetched as before any bracket: the caches
// must not hold lines that memory has newer.
func (k *block) wipe(m *memoryCounters) error {
	if k.memNewer {
		m.syncs.Add(1)
		if err := k.mem.SyncStart(dmabuf.ReadWrite); err != nil {
			return err
		}
		k.memNewer = false
	}
	if err := k.mem.Open(dmabuf.Write); err != nil {
		return err
	}
	p, err := k.mem.Bytes()
	if err == nil {
		clear(p)
		k.cacheNewer = true
	}
	return joined(err, k.mem.Shut(dmabuf.Write))
}

// put lets the memory of a buffer that was freed rest. It returns false where it must be closed instead.
func (c *cache) put(k *block) (bool, error) {
	size := k.mem.Size()
	c.mu.Lock()
	if c.closed || c.c.Off || size > c.c.Bytes {
		c.mu.Unlock()
		return false, nil
	}
	k.since = time.Now()
	c.rest = append(c.rest, k)
	c.bytes += size
	old := c.shrink(func(*block) bool { return c.bytes > c.c.Bytes || len(c.rest) > c.c.Buffers })
	c.stats.rested(c.bytes)
	c.tendLocked()
	c.mu.Unlock()
	c.stats.evicted.Add(int64(len(old)))
	return true, closeBlocks(old)
}

// shrink removes blocks, oldest first, while more says so. c.mu is held.
func (c *cache) shrink(more func(*block) bool) (old []*block) {
	for i := 0; i < len(c.rest); {
		k := c.rest[i]
		if !more(k) {
			break
		}
		if k.busy != nil {
			i++
			continue
		}
		c.rest = slices.Delete(c.rest, i, i+1)
		c.bytes -= k.mem.Size()
		old = append(old, k)
	}
	return old
}

// drain gives all resting memory back and says how much it was.
func (c *cache) drain() (freed int64, err error) {
	c.mu.Lock()
	for {
		old := c.shrink(func(*block) bool { return true })
		for _, k := range old {
			freed += k.mem.Size()
		}
		var busy chan struct{}
		if len(c.rest) > 0 {
			busy = c.rest[0].busy
		}
		c.mu.Unlock()
		err = errors.Join(err, closeBlocks(old))
		if busy == nil {
			return freed, err
		}
		<-busy
		c.mu.Lock()
	}
}

func closeBlocks(list []*block) error {
	var errs []error
	for _, k := range list {
		errs = append(errs, k.close())
	}
	return errors.Join(errs...)
}

func (k *block) close() error { return joined(k.entry.Close(), k.mem.Close()) }

// close gives everything back, and ends the background work.
func (c *cache) close() error {
	c.mu.Lock()
	c.closed = true
	pools := c.pools
	c.pools = nil
	c.wakeLocked()
	c.mu.Unlock()
	c.tender.Wait()
	_, err := c.drain()
	for _, p := range pools {
		err = errors.Join(err, closeBlocks(p.free))
	}
	return err
}

// Trim gives the memory of freed buffers that rests for reuse back to its heaps, and says how many bytes it was. Pools keep
// theirs.
func (rt *Runtime) Trim() (int64, error) {
	n, err := rt.cache.drain()
	if err != nil {
		return n, fmt.Errorf("giving resting memory back: %w", err)
	}
	return n, nil
}

// pages rounds a size up to whole pages, as far as it can be.
func pages(n int64) int64 { return (min(n, math.MaxInt64-resident) + resident - 1) &^ (resident - 1) }
