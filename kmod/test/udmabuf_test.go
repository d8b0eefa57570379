// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"math"
	"os"
	"strconv"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

// pieces makes a DMA-BUF of pages of a memory file, in the order given.
func pieces(t *testing.T, memory *sys.FD, pages ...int) *sys.FD {
	t.Helper()
	dev := open(t, "/dev/udmabuf")
	page := sys.Pagesize()
	arg := &uapi.UdmabufCreateListData{Flags: uapi.UdmabufFlagsCloexec, Count: uint32(len(pages))}
	for i, n := range pages {
		arg.List[i] = uapi.UdmabufCreateItem{Memfd: uint32(number(t, memory)), Offset: uint64(n * page), Size: uint64(page)}
	}
	fd, err := sys.Ioctl(dev, uapi.UdmabufCreateList, arg)
	if err != nil {
		t.Fatal(err)
	}
	buf := sys.Own(fd, "udmabuf")
	t.Cleanup(func() { closed(t, buf) })
	return buf
}

func memfd(t *testing.T, c sys.MemfdConfig) *sys.FD {
	t.Helper()
	c.Seals = sys.SealShrink
	memory, err := sys.Memfd("pages", c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, memory) })
	return memory
}

// A page twice is never one range.
func TestAttachNotContiguous(t *testing.T) {
	eachNode(t, func(t *testing.T, path string) {
		memory := memfd(t, sys.MemfdConfig{Size: int64(sys.Pagesize())})
		buf := pieces(t, memory, 0, 0)
		if addr, err := attach(open(t, path), buf); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("%#x, %v, want EINVAL", addr, err)
		}
		if got := attachments(t, buf); len(got) != 0 {
			t.Errorf("still attached: %q", got)
		}
		if n := references(t, buf); n != 1 {
			t.Errorf("count is %d", n)
		}
	})
}

// A udmabuf over a huge page has an entry for each small page of it: neighbours that are one range.
func TestAttachJoinsNeighbours(t *testing.T) {
	const (
		shift   = 21
		control = "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
	)
	eachNode(t, func(t *testing.T, path string) {
		testenv.NeedDevice(t, control)
		before := attribute(t, control)
		n, err := strconv.Atoi(before)
		if err != nil {
			t.Fatal(err)
		}
		if err := sys.WriteOnce(control, []byte(strconv.Itoa(n+1))); err != nil {
			t.Fatal(err)
		}
		if now := attribute(t, control); now != strconv.Itoa(n+1) {
			testenv.Missing(t, "hugepage", "the kernel found none of 2 MiB in a row")
		}
		t.Cleanup(func() {
			if err := os.WriteFile(control, []byte(before), 0); err != nil {
				t.Error(err)
			}
		})

		memory := memfd(t, sys.MemfdConfig{Size: 1 << shift, HugeShift: shift})
		filled(mapped(t, memory, 0, 1<<shift), 1) // a udmabuf over pages that are not there yet needs them reserved
		order := make([]int, 512)
		for i := range order {
			order[i] = i
		}
		whole := pieces(t, memory, order...)
		if phys := mustAttach(t, open(t, physNode), whole); phys > math.MaxUint32 && path != physNode && narrow() {
			if addr, err := attach(open(t, path), whole); !errors.Is(err, syscall.ENXIO) {
				t.Errorf("%#x: %#x, %v, want ENXIO", phys, addr, err)
			}
			return
		}
		addr := mustAttach(t, open(t, path), whole)
		if addr == 0 || addr%(1<<shift) != 0 {
			t.Errorf("a huge page at %#x", addr)
		}
		page := uint64(sys.Pagesize())
		if part := mustAttach(t, open(t, path), pieces(t, memory, order[3:9]...)); part != addr+3*page {
			t.Errorf("part of the huge page at %#x, want %#x", part, addr+3*page)
		}
		swapped := pieces(t, memory, 1, 0)
		if addr, err := attach(open(t, path), swapped); !errors.Is(err, syscall.EINVAL) {
			t.Errorf("pages in the wrong order: %#x, %v, want EINVAL", addr, err)
		}
	})
}
