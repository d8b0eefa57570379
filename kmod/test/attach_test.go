// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

// processor is a remote processor with the module's node for it.
type processor struct {
	name string // remoteprocN
	node string
	dir  string // in /sys/class/remoteproc
}

func processors(t testing.TB) []processor {
	t.Helper()
	testenv.NeedRoot(t)
	var all []processor
	for _, dir := range testenv.NeedGlob(t, "/sys/class/remoteproc/remoteproc*") {
		name := filepath.Base(dir)
		all = append(all, processor{name: name, node: "/dev/offload/" + name, dir: dir})
	}
	return all
}

// parent is the device of the hardware, which is what buffers are attached to.
func (p processor) parent(t testing.TB) string {
	t.Helper()
	dir, err := filepath.EvalSymlinks(filepath.Join(p.dir, "device"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Base(dir)
}

// nodes lists all nodes of the module.
func nodes(t testing.TB) []string {
	all := []string{physNode}
	for _, p := range processors(t) {
		all = append(all, p.node)
	}
	return all
}

func eachNode(t *testing.T, f func(t *testing.T, path string)) {
	for _, path := range nodes(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { f(t, path) })
	}
}

// eachProcessor runs a test for every processor, offline before and after.
func eachProcessor(t *testing.T, f func(t *testing.T, p processor)) {
	for _, p := range processors(t) {
		t.Run(p.name, func(t *testing.T) {
			if state := attribute(t, filepath.Join(p.dir, "state")); state != "offline" {
				t.Fatalf("%s is %s", p.name, state)
			}
			t.Cleanup(func() {
				for attribute(t, filepath.Join(p.dir, "state")) != "offline" {
					if err := p.set("state", "stop"); err != nil {
						t.Fatal(err)
					}
				}
			})
			f(t, p)
		})
	}
}

func (p processor) set(attr, value string) error {
	return sys.WriteOnce(filepath.Join(p.dir, attr), []byte(value))
}

func TestAttachRefuses(t *testing.T) {
	eachNode(t, func(t *testing.T, path string) {
		node := open(t, path)
		null := open(t, "/dev/null")
		buf := alloc(t, "msmc", 4*kib)
		for _, test := range []struct {
			name    string
			fd, pad uint32
			want    error
		}{
			{"fd -1, as those who look for the interface ask", math.MaxUint32, 0, syscall.EBADF},
			{"fd that is not open", 1 << 20, 0, syscall.EBADF},
			{"no DMA-BUF", uint32(number(t, null)), 0, syscall.EINVAL},
			{"itself", uint32(number(t, node)), 0, syscall.EINVAL},
			{"padding", uint32(number(t, buf)), 1, syscall.EINVAL},
		} {
			if _, err := attachRaw(node, test.fd, test.pad); !errors.Is(err, test.want) {
				t.Errorf("%s: %v, want %v", test.name, err, test.want)
			}
		}
		for _, req := range []uapi.Ioctl[uapi.TIRprocDMABufAttachData]{uapi.TIRprocDMABufAttach, uapi.Ioctl[uapi.TIRprocDMABufAttachData](uapi.TIDMABufPhysConvert)} {
			mine := (req == uapi.TIRprocDMABufAttach) != (path == physNode)
			_, err := sys.Ioctl(node, req, nil)
			if want := map[bool]error{true: syscall.EFAULT, false: syscall.ENOTTY}[mine]; !errors.Is(err, want) {
				t.Errorf("request %#x without argument: %v, want %v", uint32(req), err, want)
			}
		}
		if got := attachments(t, buf); len(got) != 0 {
			t.Errorf("attached after all: %q", got)
		}
		if addr := mustAttach(t, node, buf); addr == 0 {
			t.Error("address 0 after errors")
		}
	})
}

func TestAttachLives(t *testing.T) {
	eachNode(t, func(t *testing.T, path string) {
		heap := heapNamed(t, "msmc")
		free, before := heap.free(t), buffers(t)

		node := open(t, path)
		buf := alloc(t, heap.name, 64*kib)
		alone := references(t, buf)
		addr := mustAttach(t, node, buf)
		if n := references(t, buf); n != alone+1 {
			t.Errorf("count %d attached, %d before", n, alone)
		}
		if got := attachments(t, buf); len(got) != 1 {
			t.Errorf("attached: %q, want one device", got)
		}
		if state := fdinfo(t, node, "state"); state != "live" {
			t.Errorf("state %q", state)
		}
		if other := mustAttach(t, open(t, path), buf); other != addr {
			t.Errorf("the same buffer is at %#x and at %#x", addr, other)
		}

		// The attachment alone keeps the buffer.
		held := open(t, path)
		lone := alloc(t, heap.name, 64*kib)
		mustAttach(t, held, lone)
		closed(t, lone)
		closed(t, buf)
		if n := buffers(t); n != before+2 {
			t.Errorf("%d buffers while attached, want %d", n, before+2)
		}

		// A duplicate is the same open file.
		dup, err := held.Dup()
		if err != nil {
			t.Fatal(err)
		}
		closed(t, held)
		if n := buffers(t); n != before+2 {
			t.Errorf("%d buffers while a duplicate is open, want %d", n, before+2)
		}
		closed(t, dup)
		if n := buffers(t); n != before+1 {
			t.Errorf("%d buffers after the last close, want %d", n, before+1)
		}
		if now := heap.free(t); now != free-64*kib {
			t.Errorf("%d bytes free, want %d", now, free-64*kib)
		}
	})
}

func TestAttachTwice(t *testing.T) {
	eachNode(t, func(t *testing.T, path string) {
		node := open(t, path)
		one, two := alloc(t, "msmc", 4*kib), alloc(t, "msmc", 4*kib)
		first := mustAttach(t, node, one)
		if path == physNode {
			for _, buf := range []*sys.FD{one, two} {
				if _, err := attach(node, buf); !errors.Is(err, syscall.EFAULT) {
					t.Errorf("a second buffer: %v, want EFAULT", err)
				}
			}
			if n := references(t, two); n != 1 {
				t.Errorf("count of the refused buffer is %d", n)
			}
			return
		}
		second := mustAttach(t, node, two)
		if first == second {
			t.Errorf("two buffers at %#x", first)
		}
		if again := mustAttach(t, node, one); again != first {
			t.Errorf("the same buffer at %#x and %#x", first, again)
		}
		if got := attachments(t, one); len(got) != 1 {
			t.Errorf("attached: %q; each more costs every SYNC a pass over the buffer", got)
		}
		if n := fdinfo(t, node, "count"); n != "3" {
			t.Errorf("the file holds %s", n)
		}
	})
}

// Files that share a mapping leave it one by one.
func TestAttachShared(t *testing.T) {
	eachNode(t, func(t *testing.T, path string) {
		buf := alloc(t, "msmc", 4*kib)
		for _, order := range [][]int{{0, 1, 2}, {2, 1, 0}, {1, 2, 0}} {
			var files [3]*sys.FD
			for i := range files {
				files[i] = open(t, path)
				mustAttach(t, files[i], buf)
			}
			for left, i := range order {
				if got := attachments(t, buf); len(got) != 1 {
					t.Errorf("order %v, %d closed: attached %q", order, left, got)
				}
				closed(t, files[i])
			}
			if got := attachments(t, buf); len(got) != 0 {
				t.Errorf("order %v: still attached: %q", order, got)
			}
		}
	})
}

// The processor's own device is attached, with the DMA configuration of the device tree.
func TestAttachDevice(t *testing.T) {
	for _, p := range processors(t) {
		node, buf := open(t, p.node), alloc(t, "msmc", 4*kib)
		mustAttach(t, node, buf)
		if got, want := attachments(t, buf), p.parent(t); len(got) != 1 || got[0] != want {
			t.Errorf("%s: attached %q, want %s", p.name, got, want)
		}
		if got := fdinfo(t, node, "device"); got != p.parent(t) {
			t.Errorf("%s: fdinfo has %s", p.name, got)
		}
	}
}

// Every node gives the same bus address, and buffers of a heap lie in its region, apart from each other.
func TestAttachAddress(t *testing.T) {
	var last uint64
	buf := alloc(t, "msmc", 64*kib)
	for _, path := range nodes(t) {
		addr := mustAttach(t, open(t, path), buf)
		if last != 0 && addr != last {
			t.Errorf("%s: %#x, another node has %#x", path, addr, last)
		}
		last = addr
	}
	next := mustAttach(t, open(t, physNode), alloc(t, "msmc", 4*kib))
	if next != last+64*kib {
		t.Errorf("first fit: the next buffer is at %#x, want %#x", next, last+64*kib)
	}
	if last%4096 != 0 {
		t.Errorf("address %#x", last)
	}
	// The reserved-memory node has the address in its name.
	matches, err := filepath.Glob("/proc/device-tree/reserved-memory/msmc@*")
	if err != nil || len(matches) != 1 {
		t.Fatalf("reserved memory of msmc: %q, %v", matches, err)
	}
	if _, unit, _ := strings.Cut(filepath.Base(matches[0]), "@"); unit != hex(last) {
		t.Errorf("the heap is at %s, its first buffer at %#x", unit, last)
	}
}

func hex(n uint64) string {
	const digits = "0123456789abcdef"
	var b []byte
	for ; n > 0; n /= 16 {
		b = append(b, digits[n%16])
	}
	slices.Reverse(b)
	return string(b)
}

func TestAttachOfEveryHeap(t *testing.T) {
	testenv.NeedRoot(t)
	entries, err := os.ReadDir("/dev/dma_heap")
	if err != nil {
		testenv.Missing(t, "dma_heap", err.Error())
	}
	for _, e := range entries {
		buf := alloc(t, e.Name(), 4*kib)
		phys := mustAttach(t, open(t, physNode), buf)
		for _, p := range processors(t) {
			addr, err := attach(open(t, p.node), buf)
			if narrow() && phys+4*kib > 1<<32 {
				// Mapping it would have given the address of a bounce buffer.
				if !errors.Is(err, syscall.ENXIO) {
					t.Errorf("%s, %s at %#x: %#x, %v, want ENXIO", p.name, e.Name(), phys, addr, err)
				}
				continue
			}
			if err != nil || addr != phys {
				t.Errorf("%s, %s: %#x, %v, want %#x", p.name, e.Name(), addr, err, phys)
			}
		}
	}
}

// narrow says that the processors reach 4 GiB only, as the R5F of the board r5f does.
func narrow() bool { return strings.HasPrefix(os.Getenv("OFFLOAD_MACHINE"), "r5f") }

// A small buffer beyond the DMA mask would be bounced by the DMA API: it must be refused, not given another address.
func TestAttachBounce(t *testing.T) {
	if m := os.Getenv("OFFLOAD_MACHINE"); m != "" && !narrow() {
		t.Skipf("the processors of %s reach all memory", m)
	}
	p := processors(t)[0]
	t.Run("carveout", func(t *testing.T) {
		buf := alloc(t, "high", 4*kib)
		if phys := mustAttach(t, open(t, physNode), buf); phys <= math.MaxUint32 {
			t.Fatalf("the heap high is at %#x", phys)
		}
		if addr, err := attach(open(t, p.node), buf); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("%#x, %v, want ENXIO", addr, err)
		}
	})
	t.Run("system", func(t *testing.T) {
		// The system heap takes pages where there are any: what is below 4 GiB is held until one above comes.
		heap := open(t, "/dev/dma_heap/system")
		for range 3072 {
			phys, buf := systemPages(t, heap)
			if phys <= math.MaxUint32 {
				continue
			}
			addr, err := attach(open(t, p.node), buf)
			if !errors.Is(err, syscall.ENXIO) {
				t.Errorf("pages at %#x: %#x, %v, want ENXIO", phys, addr, err)
			}
			if got := attachments(t, buf); len(got) != 0 {
				t.Errorf("still attached: %q", got)
			}
			return
		}
		t.Fatal("no page above 4 GiB")
	})
}

// systemPages allocates the largest chunk that the system heap takes in one piece.
func systemPages(t *testing.T, heap *sys.FD) (uint64, *sys.FD) {
	t.Helper()
	buf, err := allocFrom(heap, mib)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, buf) })
	bus, err := sys.Open(physNode, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, bus)
	phys, err := attach(bus, buf)
	if err != nil && !errors.Is(err, syscall.EINVAL) { // several pieces
		t.Fatal(err)
	}
	return phys, buf
}

// With swiotlb=force on the kernel command line the DMA API copies everything: nothing has an address then.
func TestAttachForcedBounce(t *testing.T) {
	if !slices.Contains(strings.Fields(attribute(t, "/proc/cmdline")), "swiotlb=force") {
		t.Skip("not booted with swiotlb=force")
	}
	eachNode(t, func(t *testing.T, path string) {
		buf := alloc(t, "system", 4*kib)
		if addr, err := attach(open(t, path), buf); !errors.Is(err, syscall.ENXIO) {
			t.Errorf("%#x, %v, want ENXIO", addr, err)
		}
		if got := attachments(t, buf); len(got) != 0 {
			t.Errorf("still attached: %q", got)
		}
	})
}
