// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
)

// world is a map with n buffers of 4 KiB, attached to 8 processors, in random order.
type world struct {
	m        *Map
	targets  []*Target
	entries  []*Entry
	pointers []uintptr
}

func newWorld(tb testing.TB, n int) *world {
	tb.Helper()
	r := newRegion(tb, int64(n)*4096)
	w := &world{m: NewMap()}
	for i := range 8 {
		w.targets = append(w.targets, must[*Target](tb)(w.m.AddTarget(fmt.Sprintf("dsp%d", i), testWindows(tb), Chain{&table{}})))
	}
	base := sys.Address(r.b)
	for i := range n {
		e := must[*Entry](tb)(w.m.Add(r.buffer(tb, 4096, 0)))
		for _, t := range w.targets {
			if _, err := e.Attach(t); err != nil {
				tb.Fatal(err)
			}
		}
		if err := e.Index(); err != nil {
			tb.Fatal(err)
		}
		w.entries = append(w.entries, e)
		w.pointers = append(w.pointers, base+uintptr(i)*4096+uintptr(rand.IntN(4096)))
	}
	rand.Shuffle(n, func(i, j int) { w.entries[i], w.entries[j] = w.entries[j], w.entries[i] })
	rand.Shuffle(n, func(i, j int) { w.pointers[i], w.pointers[j] = w.pointers[j], w.pointers[i] })
	return w
}

// BenchmarkDevice and BenchmarkFind look buffers up in random order. ns/op is wall time by all lookups of all goroutines, so
// that readers who do not block each other make it smaller up to the number of CPUs.
func BenchmarkDevice(b *testing.B) {
	run(b, func(w *world, from, n int) (bad int) {
		for i := range n {
			e := w.entries[(from+i)%len(w.entries)]
			if _, err := e.Device(w.targets[i%8], int64(i&1023), 1024); err != nil {
				bad++
			}
		}
		return bad
	})
}

func BenchmarkFind(b *testing.B) {
	run(b, func(w *world, from, n int) (bad int) {
		for i := range n {
			if _, _, err := w.m.Find(w.pointers[(from+i)%len(w.pointers)]); err != nil {
				bad++
			}
		}
		return bad
	})
}

// BenchmarkFindDevice is what a message with a pointer in it needs.
func BenchmarkFindDevice(b *testing.B) {
	run(b, func(w *world, from, n int) (bad int) {
		for i := range n {
			e, off, err := w.m.Find(w.pointers[(from+i)%len(w.pointers)])
			if err != nil {
				bad++
				continue
			}
			if _, err := e.Device(w.targets[i%8], off, 1); err != nil {
				bad++
			}
		}
		return bad
	})
}

// run looks up in maps of 10 and of 100,000 buffers, and in the large one also among 10 of its buffers only: what a lookup costs
// beside the cache misses of touching so many buffers.
func run(b *testing.B, work func(w *world, from, n int) int) {
	small, large := newWorld(b, 10), newWorld(b, 100_000)
	few := *large
	few.entries, few.pointers = large.entries[:10], large.pointers[:10]
	for _, c := range []struct {
		name string
		w    *world
	}{{"live=10/used=10", small}, {"live=100000/used=10", &few}, {"live=100000/used=100000", large}} {
		for _, g := range []int{1, 2, 8} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", c.name, g), func(b *testing.B) {
				b.ReportAllocs()
				var wg sync.WaitGroup
				for i := range g {
					wg.Go(func() {
						if bad := work(c.w, i*len(c.w.entries)/g, b.N/g); bad != 0 {
							b.Errorf("%d lookups went wrong", bad)
						}
					})
				}
				wg.Wait()
			})
		}
	}
}
