// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"time"

	"github.com/prometheus/procfs"

	"github.com/offload-runtime/offload/dmabuf"
)

const (
	// calm is how long memory rests before it is zeroed in the background: a loop that frees and allocates is left alone.
	calm = time.Millisecond
	// lookout is how often the machine is asked for memory pressure while memory rests.
	lookout = time.Second
	// pressure is the share of the last ten seconds, in percent, in which tasks waited for memory, that ends all rest.
	pressure = 10
)

// tendLocked starts the goroutine that zeroes and ages resting memory, unless it runs. It ends when there is nothing to do
// any more. c.mu is held.
func (c *cache) tendLocked() {
	switch {
	case c.closed:
	case c.tending:
		c.wakeLocked()
	default:
		c.tending = true
		c.tender.Go(c.tend)
	}
}

func (c *cache) wakeLocked() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *cache) tend() {
	timer := time.NewTimer(calm)
	defer timer.Stop()
	looked := time.Now()
	for {
		select {
		case <-c.wake:
		case <-timer.C:
		}
		now := time.Now()
		if now.Sub(looked) >= lookout {
			looked = now
			if c.pressed() {
				n, err := c.drain()
				c.note(err)
				c.stats.pressed.Add(n)
			}
		}
		wait, more := c.round(now)
		if !more {
			return
		}
		timer.Reset(wait)
	}
}

// round gives back what is too old and zeroes one block. It says when to come again, and whether at all.
func (c *cache) round(now time.Time) (wait time.Duration, more bool) {
	c.mu.Lock()
	old := c.shrink(func(k *block) bool { return now.Sub(k.since) >= c.c.Age })
	if len(old) > 0 {
		c.mu.Unlock()
		c.stats.evicted.Add(int64(len(old)))
		c.note(closeBlocks(old))
		c.mu.Lock()
	}
	k, dirty := c.dirtyLocked(now)
	switch {
	case c.closed || len(c.rest) == 0 && !dirty:
		c.tending = false
		c.mu.Unlock()
		return 0, false
	case k == nil:
		wait = lookout
		if dirty {
			wait = calm
		} else if len(c.rest) > 0 {
			wait = min(wait, max(calm, c.c.Age-now.Sub(c.rest[0].since)))
		}
		c.mu.Unlock()
		return wait, true
	}
	k.busy = make(chan struct{})
	c.mu.Unlock()
	err := k.wipe(c.stats)
	if err == nil {
		// What is attached to a processor without the CPU's caches is to be handed over without a SYNC.
		if c.attached(k) && k.mem.SyncEnd(dmabuf.Write) == nil {
			c.stats.syncs.Add(1)
			k.cacheNewer = false
		}
	}
	c.mu.Lock()
	close(k.busy)
	k.busy = nil
	switch {
	case err == nil:
		k.clean = true
	case k.pool != nil: // who takes it tries again, and hears why not
		k.since = now.Add(lookout)
	default:
		k.since = k.since.Add(-c.c.Age)
	}
	c.mu.Unlock()
	if err == nil {
		c.stats.idle.Add(k.mem.Size())
	}
	return 0, true
}

func (c *cache) attached(k *block) bool {
	for _, p := range c.processors {
		if k.entry.Attached(p.target) {
			return true
		}
	}
	return false
}

// dirtyLocked finds memory that rests long enough and is not zero. dirty says that there will be some.
func (c *cache) dirtyLocked(now time.Time) (k *block, dirty bool) {
	find := func(list []*block) {
		for _, b := range list {
			if b.clean || b.busy != nil {
				continue
			}
			dirty = true
			if k == nil && now.Sub(b.since) >= calm {
				k = b
			}
		}
	}
	find(c.rest)
	for _, p := range c.pools {
		find(p.free)
	}
	return k, dirty
}

// note counts errors that no caller is there to see.
func (c *cache) note(err error) {
	if err != nil {
		c.stats.errors.Add(1)
	}
}

// pressed tells whether tasks wait for memory.
func (c *cache) pressed() bool {
	proc, err := procfs.NewFS(c.c.ProcFS)
	if err != nil {
		return false
	}
	p, err := proc.PSIStatsForResource("memory")
	return err == nil && p.Some != nil && p.Some.Avg10 >= pressure
}
