// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"math"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// The cases of tools/testing/selftests/dmabuf-heaps/dmabuf-heap.c, except for the import, which has a file of its own.

func TestHeapClears(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		for _, size := range []int64{4 * kib, mib} {
			n := min(32, heap.largest(t)/size)
			node := open(t, "/dev/dma_heap/"+heap.name)
			round := func(work func(b []byte)) {
				var bufs []*sys.FD
				for range n {
					buf, err := allocFrom(node, uint64(size))
					if err != nil {
						t.Fatalf("buffer %d of %d bytes: %v", len(bufs), size, err)
					}
					bufs = append(bufs, buf)
					b := mapped(t, buf, 0, size)
					sync(t, buf, uapi.DMABufSyncStart|uapi.DMABufSyncRead|uapi.DMABufSyncWrite)
					work(b)
					sync(t, buf, uapi.DMABufSyncEnd|uapi.DMABufSyncRead|uapi.DMABufSyncWrite)
					unmapped(t, b)
				}
				for _, buf := range bufs {
					closed(t, buf)
				}
			}
			round(func(b []byte) { filled(b, 0xff) })
			round(func(b []byte) {
				if at := firstOther(b, 0); at >= 0 {
					t.Errorf("%d bytes: byte %d is %#x", size, at, b[at])
				}
			})
		}
	})
}

func TestHeapStructureOfOtherSize(t *testing.T) {
	// Older: without heap_flags. Newer: with fields that this kernel does not know.
	type older struct {
		Len         uint64
		FD, FDFlags uint32
	}
	type newer struct {
		uapi.DMAHeapAllocationData
		Garbage [3]uint64
	}
	const (
		allocOlder uapi.Ioctl[older] = 0xC0104800
		allocNewer uapi.Ioctl[newer] = 0xC0304800
	)
	eachHeap(t, func(t *testing.T, heap carveout) {
		node := open(t, "/dev/dma_heap/"+heap.name)
		small := older{Len: 4 * kib, FDFlags: syscall.O_RDWR | syscall.O_CLOEXEC}
		if _, err := sys.Ioctl(node, allocOlder, &small); err != nil {
			t.Errorf("16 bytes: %v", err)
		} else {
			closed(t, sys.Own(int(small.FD), "older"))
		}
		large := newer{Garbage: [3]uint64{1, 2, 3}}
		large.Len, large.FDFlags = 4*kib, syscall.O_RDWR|syscall.O_CLOEXEC
		if _, err := sys.Ioctl(node, allocNewer, &large); err != nil {
			t.Errorf("48 bytes: %v", err)
		} else {
			closed(t, sys.Own(int(large.FD), "newer"))
		}
	})
}

func TestHeapRefuses(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		node := open(t, "/dev/dma_heap/"+heap.name)
		before, free := buffers(t), heap.free(t)
		good := uapi.DMAHeapAllocationData{Len: 4 * kib, FDFlags: syscall.O_RDWR | syscall.O_CLOEXEC}
		for _, test := range []struct {
			name   string
			change func(*uapi.DMAHeapAllocationData)
			want   error
		}{
			{"fd set", func(a *uapi.DMAHeapAllocationData) { a.FD = 1 }, syscall.EINVAL},
			{"fd -1", func(a *uapi.DMAHeapAllocationData) { a.FD = math.MaxUint32 }, syscall.EINVAL},
			{"heap flags", func(a *uapi.DMAHeapAllocationData) { a.HeapFlags = 0x111111 }, syscall.EINVAL},
			{"fd flags", func(a *uapi.DMAHeapAllocationData) { a.FDFlags = ^a.FDFlags }, syscall.EINVAL},
			{"no bytes", func(a *uapi.DMAHeapAllocationData) { a.Len = 0 }, syscall.EINVAL},
			{"-1 bytes", func(a *uapi.DMAHeapAllocationData) { a.Len = math.MaxUint64 }, syscall.EINVAL},
			{"2^63 bytes", func(a *uapi.DMAHeapAllocationData) { a.Len = 1 << 63 }, syscall.ENOMEM},
			{"2^44 pages and one", func(a *uapi.DMAHeapAllocationData) { a.Len = 1<<56 + 4*kib }, syscall.ENOMEM},
			{"a byte more than all", func(a *uapi.DMAHeapAllocationData) { a.Len = uint64(heap.size(t)) + 1 }, syscall.ENOMEM},
		} {
			arg := good
			test.change(&arg)
			if _, err := sys.Ioctl(node, uapi.DMAHeapAlloc, &arg); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		if _, err := sys.Ioctl(node, uapi.DMAHeapAlloc, nil); !errors.Is(err, syscall.EFAULT) {
			t.Errorf("no argument: %v, want EFAULT", err)
		}
		const other uapi.Ioctl[uapi.DMAHeapAllocationData] = 0xC0184801
		if _, err := sys.Ioctl(node, other, &good); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("another number: %v, want EINVAL", err)
		}
		if n := buffers(t); n != before || heap.free(t) != free {
			t.Errorf("%d buffers and %d bytes free after, %d and %d before", n, heap.free(t), before, free)
		}
	})
}

// TI's dma-heap-tests: RepeatedAllocate, and more than fits at once.
func TestHeapRepeated(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		node := open(t, "/dev/dma_heap/"+heap.name)
		free := heap.free(t)
		for _, size := range []uint64{1, 4 * kib, 64 * kib, mib, 2 * mib} {
			for i := range 128 {
				buf, err := allocFrom(node, size)
				if err != nil {
					t.Fatalf("buffer %d of %d bytes: %v", i, size, err)
				}
				if end, err := buf.SeekEnd(); err != nil || end != sys.PageAlign(int64(size)) {
					t.Fatalf("%d bytes asked for: size %d, %v", size, end, err)
				}
				closed(t, buf)
			}
		}
		if now := heap.free(t); now != free {
			t.Errorf("%d bytes free after, %d before", now, free)
		}
	})
}

func TestHeapUsage(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		node := open(t, "/dev/dma_heap/"+heap.name)
		size := heap.size(t)
		if heap.free(t) != size || heap.largest(t) != size {
			t.Fatalf("unused, but %d and %d of %d bytes free", heap.free(t), heap.largest(t), size)
		}
		page := int64(sys.Pagesize())
		want := func(free, largest, count int64) {
			t.Helper()
			f, l, n := heap.free(t), heap.largest(t), numeric(t, filepath.Join(heap.dir, "buffers"))
			if f != free || l != largest || n != count {
				t.Errorf("%d free, %d at once, %d buffers; want %d, %d, %d", f, l, n, free, largest, count)
			}
		}
		var bufs [3]*sys.FD
		for i := range bufs {
			var err error
			if bufs[i], err = allocFrom(node, uint64(page)); err != nil {
				t.Fatal(err)
			}
		}
		want(size-3*page, size-3*page, 3)
		closed(t, bufs[1]) // a hole of one page before the rest
		want(size-2*page, size-3*page, 2)

		rest, err := allocFrom(node, uint64(size-3*page))
		if err != nil {
			t.Fatalf("all of the largest range: %v", err)
		}
		want(page, page, 3)
		if _, err := allocFrom(node, uint64(2*page)); !errors.Is(err, syscall.ENOMEM) {
			t.Errorf("more than is left: %v, want ENOMEM", err)
		}
		last, err := allocFrom(node, uint64(page))
		if err != nil {
			t.Fatalf("the last page: %v", err)
		}
		want(0, 0, 4)
		if _, err := allocFrom(node, 1); !errors.Is(err, syscall.ENOMEM) {
			t.Errorf("a byte of a full heap: %v, want ENOMEM", err)
		}
		for _, buf := range []*sys.FD{last, bufs[0], rest, bufs[2]} {
			closed(t, buf)
		}
		want(size, size, 0)
	})
}
