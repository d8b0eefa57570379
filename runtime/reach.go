// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"sync"
	"syscall"
)

// reached remembers which processor reaches which heap.
type reached struct {
	mu   sync.Mutex
	heap map[pair]error // nil: it does
}

type pair struct{ heap, processor string }

// reach tells whether the processor has addresses for memory of the heap: the reason why not, or nil. A heap that is
// exhausted is not probed; the allocation itself will tell.
func (rt *Runtime) reach(ctx context.Context, h HeapInfo, p *processor) error {
	key := pair{h.Name, p.info.Name}
	rt.reached.mu.Lock()
	defer rt.reached.mu.Unlock()
	if err, known := rt.reached.heap[key]; known {
		return err
	}
	mem, err := rt.board.Alloc(ctx, h.Name, resident, "probe")
	if errors.Is(err, syscall.ENOMEM) {
		return nil
	}
	if err != nil {
		return err
	}
	entry, err := rt.buffers.Add(mem)
	if err != nil {
		return errors.Join(err, mem.Close())
	}
	_, why := entry.Attach(p.target)
	if err := errors.Join(entry.Close(), mem.Close()); err != nil {
		return err
	}
	if !errors.Is(why, syscall.ENOMEM) {
		if rt.reached.heap == nil {
			rt.reached.heap = map[pair]error{}
		}
		rt.reached.heap[key] = why
	}
	return why
}
