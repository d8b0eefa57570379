// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"
)

// PoolConfig is a number of buffers of one size that are reserved when the runtime starts, as CMEM's pools are.
type PoolConfig struct {
	Heap  string // name or alias; "" is the runtime's DDR heap
	Size  int64  // bytes of a buffer
	Count int
	For   []string // processors that the buffers are attached to at once
}

// Pool is buffers of one size, reserved for as long as the runtime lives. A buffer from a pool goes back to it when it is
// closed. Its fields are guarded by the cache.
type Pool struct {
	rt    *Runtime
	heap  string
	size  int64
	count int
	free  []*block
	least int // free blocks when there were fewest
}

// PoolInfo describes a pool.
type PoolInfo struct {
	Heap  string
	Size  int64
	Count int
	Free  int
	High  int // the most that were in use at a time
}

// openPools reserves the pools, or nothing.
func (rt *Runtime) openPools(list []PoolConfig) error {
	for i, c := range list {
		if c.Size <= 0 || c.Count <= 0 {
			return fmt.Errorf("pool %d: %d buffers of %d bytes: %w", i, c.Count, c.Size, os.ErrInvalid)
		}
		p := &Pool{rt: rt, size: c.Size, count: c.Count, least: c.Count}
		var buffers []*Buffer
		for range c.Count {
			b, err := rt.Alloc(context.Background(), AllocConfig{Size: c.Size, Heap: c.Heap, Name: "pool", For: c.For})
			if err != nil {
				for _, b := range buffers {
					err = errors.Join(err, b.discard())
				}
				return fmt.Errorf("pool %d, %d buffers of %d bytes: %w", i, c.Count, c.Size, err)
			}
			buffers = append(buffers, b)
		}
		rt.cache.mu.Lock()
		rt.cache.pools = append(rt.cache.pools, p)
		rt.cache.mu.Unlock()
		for _, b := range buffers {
			p.heap, b.block.pool = b.heap, p
			if err := b.Close(); err != nil {
				return fmt.Errorf("pool %d: %w", i, err)
			}
		}
		p.least = p.count
	}
	rt.cache.mu.Lock()
	defer rt.cache.mu.Unlock()
	slices.SortStableFunc(rt.cache.pools, func(a, b *Pool) int { return cmp.Compare(a.size, b.size) })
	return nil
}

// Pools describes the pools, smallest buffers first.
func (rt *Runtime) Pools() []PoolInfo {
	rt.cache.mu.Lock()
	defer rt.cache.mu.Unlock()
	list := make([]PoolInfo, len(rt.cache.pools))
	for i, p := range rt.cache.pools {
		list[i] = p.infoLocked()
	}
	return list
}

// Info describes the pool.
func (p *Pool) Info() PoolInfo {
	p.rt.cache.mu.Lock()
	defer p.rt.cache.mu.Unlock()
	return p.infoLocked()
}

func (p *Pool) infoLocked() PoolInfo {
	return PoolInfo{Heap: p.heap, Size: p.size, Count: p.count, Free: len(p.free), High: p.count - p.least}
}

// PoolFor returns the pool with the smallest buffers that have size bytes and of which one is free. The error wraps
// ErrNoMemory, also where no pool has buffers that large.
func (rt *Runtime) PoolFor(size int64) (*Pool, error) {
	if size <= 0 {
		return nil, fmt.Errorf("pool for %d bytes: %w", size, os.ErrInvalid)
	}
	rt.cache.mu.Lock()
	defer rt.cache.mu.Unlock()
	if p := rt.cache.poolFor(size); p != nil {
		return p, nil
	}
	return nil, fmt.Errorf("pool for %d bytes: %w; pools: %v", size, ErrNoMemory, rt.cache.poolList())
}

func (c *cache) poolFor(size int64) *Pool {
	for _, p := range c.pools {
		if p.size >= size && len(p.free) > 0 {
			return p
		}
	}
	return nil
}

func (c *cache) poolList() (list []PoolInfo) {
	for _, p := range c.pools {
		list = append(list, p.infoLocked())
	}
	return list
}

// Alloc takes a buffer from the pool under a label. Its contents are zero. With none free the error wraps ErrNoMemory.
func (p *Pool) Alloc(name string) (*Buffer, error) {
	return p.rt.fromPool(p.size, name, func() *Pool {
		if len(p.free) == 0 {
			return nil
		}
		return p
	})
}

// AllocPool takes a buffer of at least size bytes from the pool that fits best and has one free.
func (rt *Runtime) AllocPool(size int64, name string) (*Buffer, error) {
	return rt.fromPool(size, name, func() *Pool { return rt.cache.poolFor(size) })
}

func (rt *Runtime) fromPool(size int64, name string, find func() *Pool) (*Buffer, error) {
	a := &AllocConfig{Size: size, Name: name, owner: name}
	if size <= 0 {
		return nil, fmt.Errorf("allocating %q, %d bytes of a pool: %w", name, size, os.ErrInvalid)
	}
	c := &rt.cache
	c.mu.Lock()
	for {
		p := find()
		if p == nil {
			defer c.mu.Unlock()
			return nil, fmt.Errorf("allocating %q, %d bytes of a pool: %w; pools: %v", name, size, ErrNoMemory, c.poolList())
		}
		i := max(slices.IndexFunc(p.free, func(k *block) bool { return k.clean && k.busy == nil }), 0)
		k := p.free[i]
		if busy := k.busy; busy != nil {
			c.mu.Unlock()
			<-busy
			c.mu.Lock()
			continue
		}
		p.free = slices.Delete(p.free, i, i+1)
		p.least = min(p.least, len(p.free))
		c.mu.Unlock()
		if !k.clean {
			if err := k.wipe(c.stats); err != nil {
				return nil, errors.Join(fmt.Errorf("allocating %q of a pool: %w", name, err), p.give(k))
			}
			c.stats.zeroed.Add(k.mem.Size())
		}
		c.stats.pooled.Add(1)
		b, err := rt.hand(k, a)
		if err != nil {
			return nil, fmt.Errorf("allocating %q of a pool: %w", name, err)
		}
		return b, nil
	}
}

// give takes a block back; of a runtime that closes it is closed.
func (p *Pool) give(k *block) error {
	c := &p.rt.cache
	c.mu.Lock()
	if c.closed {
		c.mu.Unlock()
		return k.close()
	}
	k.since = time.Now()
	p.free = append(p.free, k)
	c.tendLocked()
	c.mu.Unlock()
	return nil
}
