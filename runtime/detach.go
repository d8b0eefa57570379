// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
)

// The end of an attachment to a processor without the CPU's caches invalidates them (dma_buf_unmap_attachment, which ends in
// arch_sync_dma_for_cpu). What the CPU wrote and memory lacks would be lost with it.

// beforeDetach writes to memory what only the caches have, if the buffer has an attachment to the processor. b.mu is held.
func (b *Buffer) beforeDetach(p *processor) error {
	if !b.block.invalidates(p) {
		return nil
	}
	return b.writeBack(p)
}

func (b *Buffer) writeBack(p *processor) error {
	if b.writing > 0 {
		return fmt.Errorf("%v: attaching it to %s anew while a CPU bracket is open for writing: %w", b, p.info.Name, ErrBusy)
	}
	if !b.cacheNewer && !b.malloc {
		return nil
	}
	if err := b.sync(b.mem.SyncEnd, dmabuf.Write); err != nil {
		return err
	}
	b.cacheNewer = false
	return nil
}

// invalidates tells whether there is an attachment whose end invalidates caches.
func (k *block) invalidates(p *processor) bool {
	r, attached := k.entry.Result(p.target)
	return attached && p.invalidates(r)
}

func (p *processor) invalidates(r bufmap.Result) bool {
	return r.Attachment != nil && !p.info.Coherent && !r.Uncached
}

// detach ends the attachment to a processor. b.mu is held.
func (b *Buffer) detach(p *processor) error {
	if err := b.beforeDetach(p); err != nil {
		return err
	}
	return b.entry.Detach(p.target)
}

// letGo ends the attachments of a processor's earlier run. Where the CPU, or a processor that shares its caches, may be
// writing that is left to the next attach.
func (rt *Runtime) letGo(p *processor) error {
	rt.mu.Lock()
	live := keys(rt.live)
	rt.mu.Unlock()
	var errs []error
	for _, b := range live {
		errs = append(errs, b.letGo(p))
	}
	return errors.Join(append(errs, rt.cache.letGo(p))...)
}

func (b *Buffer) letGo(p *processor) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.block.owner.Load() != b || b.entry.Attached(p.target) { // freed meanwhile, or attached anew
		return nil
	}
	if b.block.invalidates(p) {
		if b.writing > 0 || b.malloc {
			return nil
		}
		for _, u := range b.uses {
			if u.coherent && u.writes {
				return nil
			}
		}
		if err := b.beforeDetach(p); err != nil {
			return err
		}
	}
	return b.entry.Expire(p.target)
}

// letGo is that of blocks that rest. Nobody wants their bytes, but they are no longer known to be zero.
func (c *cache) letGo(p *processor) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	var errs []error
	drop := func(list []*block) {
		for _, k := range list {
			if k.busy != nil || k.entry.Attached(p.target) {
				continue
			}
			if k.invalidates(p) {
				k.ownership, k.clean = ownership{}, false
			}
			errs = append(errs, k.entry.Expire(p.target))
		}
	}
	drop(c.rest)
	for _, pool := range c.pools {
		drop(pool.free)
	}
	return errors.Join(errs...)
}
