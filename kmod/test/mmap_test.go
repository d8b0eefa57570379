// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

func TestMapOffset(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		page := int64(sys.Pagesize())
		buf := alloc(t, heap.name, uint64(3*page))
		all := mapped(t, buf, 0, 3*page)
		for i := range int64(3) {
			filled(all[i*page:(i+1)*page], byte(0xa0+i))
		}
		for i := range int64(3) {
			b := mapped(t, buf, i*page, page)
			if at := firstOther(b, byte(0xa0+i)); at >= 0 {
				t.Errorf("page %d: byte %d is %#x", i, at, b[at])
			}
			b[0] = byte(i)
			if all[i*page] != byte(i) {
				t.Errorf("page %d: what one mapping writes the other does not see", i)
			}
		}
	})
}

func TestMapOutlivesDescriptor(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		free := heap.free(t)
		node := open(t, "/dev/dma_heap/"+heap.name)
		buf, err := allocFrom(node, 64*kib)
		if err != nil {
			t.Fatal(err)
		}
		b := mapped(t, buf, 0, 64*kib)
		closed(t, buf)
		if heap.free(t) == free {
			t.Error("the buffer is gone, but mapped")
		}
		filled(b, 0x5a)
		if at := firstOther(b, 0x5a); at >= 0 {
			t.Errorf("byte %d is %#x", at, b[at])
		}
		unmapped(t, b)
		if now := heap.free(t); now != free {
			t.Errorf("%d bytes free after the last mapping, %d before", now, free)
		}
	})
}

func TestMapRefuses(t *testing.T) {
	eachHeap(t, func(t *testing.T, heap carveout) {
		const rw = syscall.PROT_READ | syscall.PROT_WRITE
		page := sys.Pagesize()
		buf := alloc(t, heap.name, uint64(2*page))
		fd := number(t, buf)
		for _, test := range []struct {
			name   string
			offset int64
			length int
			flags  int
			want   error
		}{
			{"private", 0, page, syscall.MAP_PRIVATE, syscall.EINVAL},
			{"too long", 0, 3 * page, syscall.MAP_SHARED, syscall.EINVAL},
			{"past the end", int64(2 * page), page, syscall.MAP_SHARED, syscall.EINVAL},
			{"over the end", int64(page), 2 * page, syscall.MAP_SHARED, syscall.EINVAL},
			{"not whole pages", 1, page, syscall.MAP_SHARED, syscall.EINVAL},
			{"negative", int64(-page), 2 * page, syscall.MAP_SHARED, syscall.EOVERFLOW},
		} {
			b, err := syscall.Mmap(fd, test.offset, test.length, rw, test.flags)
			if !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
			if err == nil {
				unmapped(t, b)
			}
		}

		arg := uapi.DMAHeapAllocationData{Len: uint64(page), FDFlags: syscall.O_RDONLY | syscall.O_CLOEXEC}
		if _, err := sys.Ioctl(open(t, "/dev/dma_heap/"+heap.name), uapi.DMAHeapAlloc, &arg); err != nil {
			t.Fatal(err)
		}
		reading := sys.Own(int(arg.FD), "read-only buffer")
		defer closed(t, reading)
		if b, err := syscall.Mmap(number(t, reading), 0, page, rw, syscall.MAP_SHARED); !errors.Is(err, syscall.EACCES) {
			t.Errorf("writing to a read-only buffer: %v, want EACCES", err)
			if err == nil {
				unmapped(t, b)
			}
		}
	})
}
