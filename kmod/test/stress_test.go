// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	gosync "sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// Attach and close from many threads, on shared buffers, shared files and all nodes at once, while the processors are
// started and stopped. At the end nothing is left attached.
func TestThreads(t *testing.T) {
	const (
		workers = 16
		rounds  = 1000
	)
	before := buffers(t)
	paths, cores := nodes(t), processors(t)
	var bufs []*sys.FD
	for range 4 {
		bufs = append(bufs, alloc(t, "msmc", 16*kib))
	}
	want := make([]uint64, len(bufs))
	for i, buf := range bufs {
		want[i] = mustAttach(t, open(t, physNode), buf)
	}

	var work, power gosync.WaitGroup
	var good, stale atomic.Int64
	var done atomic.Bool
	for _, p := range cores {
		power.Go(func() {
			for !done.Load() {
				for _, cmd := range []string{"start", "stop"} {
					if err := p.set("state", cmd); err != nil {
						t.Errorf("%s: %s: %v", p.name, cmd, err)
						return
					}
				}
			}
		})
	}
	for w := range workers {
		work.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(w), 1))
			for r := range rounds {
				if err := threadRound(rng, paths, bufs, want, &good, &stale); err != nil {
					t.Errorf("thread %d, round %d: %v", w, r, err)
					return
				}
			}
		})
	}
	work.Wait()
	done.Store(true)
	power.Wait()
	t.Logf("%d attached, %d refused by a file whose processor had stopped", good.Load(), stale.Load())
	if good.Load() == 0 {
		t.Error("nothing was ever attached")
	}

	for i, buf := range bufs {
		if got := attachments(t, buf); len(got) != 1 {
			t.Errorf("buffer %d: attached %q, want only that of the test", i, got)
		}
		if n := references(t, buf); n != 2 {
			t.Errorf("buffer %d: count %d, want 2", i, n)
		}
	}
	if n := buffers(t); n != before+len(bufs) {
		t.Errorf("%d buffers, want %d", n, before+len(bufs))
	}
}

// threadRound is one open file: some buffers are attached to it, by two threads at once, and it is closed.
func threadRound(rng *rand.Rand, paths []string, bufs []*sys.FD, want []uint64, good, stale *atomic.Int64) error {
	node, err := sys.Open(paths[rng.IntN(len(paths))], os.O_RDONLY)
	if err != nil {
		return err
	}
	order := rng.Perm(len(bufs))
	errs := make([]error, 2)
	var pair gosync.WaitGroup
	for half := range errs {
		pair.Go(func() {
			for _, i := range order[half*2 : half*2+2] {
				addr, err := attach(node, bufs[i])
				switch {
				case err == nil && addr != want[i]:
					errs[half] = fmt.Errorf("%s: buffer %d at %#x, want %#x", node.Name(), i, addr, want[i])
				case err == nil:
					good.Add(1)
				case errors.Is(err, syscall.ESTALE):
					stale.Add(1)
				case errors.Is(err, syscall.EFAULT) && node.Name() == physNode:
				default:
					errs[half] = fmt.Errorf("%s: %w", node.Name(), err)
				}
				flags := uapi.DMABufSync{Flags: uapi.DMABufSyncRead | uapi.DMABufSyncWrite}
				if _, err := sys.Ioctl(bufs[i], uapi.DMABufIoctlSync, &flags); err != nil {
					errs[half] = err
				}
			}
		})
	}
	pair.Wait()
	return errors.Join(append(errs, node.Close())...)
}

// Allocation from many threads: no page is given out twice.
func TestThreadsAllocate(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		const (
			workers = 16
			rounds  = 200
			size    = 64 * kib
		)
		free := heap.free(t)
		node := open(t, "/dev/dma_heap/"+heap.name)
		var work gosync.WaitGroup
		for w := range workers {
			work.Go(func() {
				for r := range rounds {
					if err := allocateRound(node, byte(w+1), size); err != nil {
						t.Errorf("thread %d, round %d: %v", w, r, err)
						return
					}
				}
			})
		}
		work.Wait()
		if now := heap.free(t); now != free {
			t.Errorf("%d bytes free after, %d before", now, free)
		}
	})
}

func allocateRound(node *sys.FD, mark byte, size int) error {
	buf, err := allocFrom(node, uint64(size))
	if err != nil {
		return err
	}
	defer buf.Close()
	fd, err := buf.Int()
	if err != nil {
		return err
	}
	b, err := syscall.Mmap(fd, 0, size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return err
	}
	defer syscall.Munmap(b)
	if at := firstOther(b, 0); at >= 0 {
		return fmt.Errorf("byte %d of a new buffer is %#x", at, b[at])
	}
	filled(b, mark)
	if at := firstOther(b, mark); at >= 0 {
		return fmt.Errorf("byte %d is %#x, I wrote %#x", at, b[at], mark)
	}
	return nil
}
