// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"

	"github.com/offload-runtime/offload/dmabuf"
)

// Alloc allocates a buffer. Its contents are zero, unless it is fresh from a heap that does not zero (HeapInfo.Zeroed) or
// AllocConfig.Keep is set. The error wraps ErrNoMemory when the heap is exhausted, fs.ErrNotExist for an unknown heap,
// ErrNoHeap where none meets the needs, ErrQuota, and os.ErrInvalid for a size that is not positive.
func (rt *Runtime) Alloc(ctx context.Context, c AllocConfig) (*Buffer, error) {
	if c.owner == "" {
		c.owner = c.Name
	}
	b, err := rt.alloc(ctx, &c)
	if err != nil {
		return nil, fmt.Errorf("allocating %q: %w", c.Name, err)
	}
	return b, nil
}

func (rt *Runtime) alloc(ctx context.Context, c *AllocConfig) (*Buffer, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !c.needs() {
		name := c.Heap
		if name == "" {
			name = rt.ddr
		}
		h, err := rt.named(name)
		if err != nil {
			return nil, err
		}
		return rt.allocOne(ctx, h, c, nil)
	}
	processors, err := rt.targets(c.For)
	if err != nil {
		return nil, err
	}
	verdicts, err := rt.judge(ctx, c)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, v := range verdicts {
		if !v.Suits {
			break
		}
		b, err := rt.allocAligned(ctx, v.info, c, processors)
		if err == nil {
			return b, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil || !c.Fallback && !(c.OnChip == OnChipPreferred && v.info.OnChip) {
			break
		}
	}
	if errs == nil {
		return nil, &NeedError{verdicts}
	}
	return nil, fmt.Errorf("%w; heaps: %s", errors.Join(errs...), listed(verdicts))
}

// allocOne allocates from one heap, from rest if possible.
func (rt *Runtime) allocOne(ctx context.Context, h HeapInfo, c *AllocConfig, list []*processor) (b *Buffer, err error) {
	if err := rt.budgets.charge(h.Name, c.owner, pages(c.Size)); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			rt.budgets.refund(h.Name, c.owner, pages(c.Size))
		}
	}()
	k, err := rt.cache.take(h.Name, c, list)
	if err != nil {
		return nil, err
	}
	if k != nil {
		rt.memory.reused.Add(1)
		return rt.hand(k, c)
	}
	mem, err := rt.board.Alloc(ctx, h.Name, c.Size, c.Name)
	if errors.Is(err, syscall.ENOMEM) || errors.Is(err, syscall.EMFILE) {
		if freed, _ := rt.cache.drain(); freed > 0 {
			mem, err = rt.board.Alloc(ctx, h.Name, c.Size, c.Name)
		}
	}
	if err != nil {
		if errors.Is(err, syscall.ENOMEM) {
			err = fmt.Errorf("%w: %w", ErrNoMemory, err)
		}
		return nil, err
	}
	k, err = rt.admit(mem, h.Name)
	if err != nil {
		return nil, errors.Join(err, mem.Close())
	}
	k.slack = mem.Size() - pages(c.Size)
	rt.memory.fresh.Add(1)
	return rt.hand(k, c)
}

// Adopt takes over a buffer from elsewhere: imported from another driver, or allocated on a heap directly. Its exporter's
// SYNC is issued at both ends of every bracket, because only the exporter knows what else they do. On error the buffer stays
// the caller's.
func (rt *Runtime) Adopt(mem *dmabuf.Buffer) (*Buffer, error) {
	if mem == nil {
		return nil, fmt.Errorf("adopting a buffer: none given: %w", os.ErrInvalid)
	}
	k, err := rt.admit(mem, mem.Heap())
	if err != nil {
		return nil, err
	}
	b := &Buffer{name: mem.Name(), size: mem.Size(), foreign: true}
	if err := rt.give(k, b); err != nil {
		return nil, errors.Join(err, k.entry.Close())
	}
	return b, nil
}

// admit makes memory known to the buffer map.
func (rt *Runtime) admit(mem *dmabuf.Buffer, heap string) (*block, error) {
	if rt.checked {
		if err := mem.SetChecked(true); err != nil {
			return nil, err
		}
	}
	entry, err := rt.buffers.Add(mem)
	if err != nil {
		return nil, err
	}
	k := &block{mem: mem, entry: entry, heap: heap}
	entry.SetOwner(k)
	// The exporter of a heap zeroes through the CPU's caches.
	k.cacheNewer = true
	return k, nil
}

// hand makes a Buffer of a block. On error the block is gone, or back in its pool.
func (rt *Runtime) hand(k *block, c *AllocConfig) (*Buffer, error) {
	b := &Buffer{name: c.Name, owner: c.owner, size: c.Size, ownership: k.ownership}
	if err := rt.give(k, b); err != nil {
		return nil, errors.Join(err, k.close())
	}
	return b, nil
}

// give makes b the owner of the block.
func (rt *Runtime) give(k *block, b *Buffer) error {
	b.rt, b.block, b.mem, b.entry, b.heap = rt, k, k.mem, k.entry, k.heap
	if b.foreign {
		b.ownership = k.ownership
	}
	rt.mu.Lock()
	defer rt.mu.Unlock()
	if rt.closed {
		return fmt.Errorf("buffer %q: runtime: %w", b.name, os.ErrClosed)
	}
	rt.live[b] = struct{}{}
	k.owner.Store(b)
	if !b.foreign {
		rt.memory.add(k.mem.Size())
	}
	return nil
}

// free gives the memory back, or lets it rest. b.mu is held, the buffer is closed and unused.
func (b *Buffer) free() error {
	k, rt := b.block, b.rt
	k.owner.Store(nil)
	rt.mu.Lock()
	delete(rt.live, b)
	rt.mu.Unlock()
	if b.foreign {
		return k.close()
	}
	rt.memory.add(-k.mem.Size())
	if k.pool == nil {
		rt.budgets.refund(k.heap, b.owner, pages(b.size))
	}
	if b.brackets > 0 || b.escaped && k.pool == nil || !k.reusable() {
		return k.close()
	}
	k.ownership, k.label, k.clean = b.ownership, b.owner, false
	if k.pool != nil {
		return k.pool.give(k)
	}
	rests, err := rt.cache.put(k)
	if !rests {
		return k.close()
	}
	return err
}

// discard closes a buffer that nobody has seen, without letting it rest.
func (b *Buffer) discard() error {
	b.mu.Lock()
	b.escaped = true
	b.mu.Unlock()
	return b.Close()
}

// reusable says whether the CPU can zero the memory.
func (k *block) reusable() bool {
	_, err := k.mem.Base()
	return err == nil
}

// stock sets up quotas, reuse and pools.
func (rt *Runtime) stock(c Config) error {
	rt.cache.stats, rt.cache.wake = &rt.memory, make(chan struct{}, 1)
	rt.cost.Store(&c.Cost)
	rt.cache.c, rt.cache.processors = c.Reuse, rt.processors
	if err := rt.cache.c.complete(); err != nil {
		return err
	}
	if err := rt.openPools(c.Pools); err != nil {
		return err
	}
	return rt.setQuotas(c.Quotas)
}
