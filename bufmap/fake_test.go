// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/sys"
)

func TestMain(m *testing.M) { leak.Main(m) }

// region is one big mapping of which buffers are cut: 100,000 mappings of their own would need vm.max_map_count raised.
type region struct {
	b    []byte
	next int64
}

func newRegion(tb testing.TB, size int64) *region {
	tb.Helper()
	b, err := sys.MmapAnon(size)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { sys.Munmap(b) })
	return &region{b: b}
}

// buffer cuts the next buffer, at the next multiple of align in the address space.
func (r *region) buffer(tb testing.TB, size int64, align uintptr) *dmabuf.Buffer {
	tb.Helper()
	if align != 0 {
		base := sys.Address(r.b)
		at := (base + uintptr(r.next) + align - 1) &^ (align - 1)
		r.next = int64(at - base)
	}
	if r.next+size > int64(len(r.b)) {
		tb.Fatalf("region of %d bytes is used up", len(r.b))
	}
	b, err := dmabuf.New(piece(r.b[r.next:r.next+size:r.next+size]), dmabuf.Info{Heap: "test", Name: fmt.Sprintf("b%d", r.next), Size: size, Inode: uint64(r.next)})
	if err != nil {
		tb.Fatal(err)
	}
	r.next += size
	return b
}

// piece is the exporter of a slice.
type piece []byte

func (p piece) Mmap() ([]byte, error)              { return p, nil }
func (p piece) Munmap([]byte) error                { return nil }
func (p piece) BeginCPUAccess(dmabuf.Access) error { return nil }
func (p piece) EndCPUAccess(dmabuf.Access) error   { return nil }
func (p piece) Release() error                     { return nil }

// table is a translator that knows addresses by inode and counts attachments.
type table struct {
	mu       sync.Mutex
	phys     func(b *dmabuf.Buffer) (Result, error)
	attached map[*dmabuf.Buffer]int
	closeErr error
}

func (t *table) Name() string { return "table" }

func (t *table) Translate(b *dmabuf.Buffer) (Result, error) {
	r := Result{Phys: PhysAddr(0x8000_0000 + b.Inode()), Size: uint64(b.Size())}
	if t.phys != nil {
		var err error
		if r, err = t.phys(b); err != nil {
			return r, err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.attached == nil {
		t.attached = map[*dmabuf.Buffer]int{}
	}
	t.attached[b]++
	r.Attachment = &closer{t: t, b: b}
	return r, nil
}

func (t *table) live() (n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, v := range t.attached {
		n += v
	}
	return n
}

type closer struct {
	t    *table
	b    *dmabuf.Buffer
	done bool
}

var _ io.Closer = (*closer)(nil)

func (c *closer) Close() error {
	c.t.mu.Lock()
	defer c.t.mu.Unlock()
	if c.done {
		return errors.New("closed twice")
	}
	c.done = true
	c.t.attached[c.b]--
	return c.t.closeErr
}

// testWindows show 1 GiB at 2 GiB of physical memory at device address 256 MiB.
func testWindows(tb testing.TB) Windows {
	tb.Helper()
	w, err := NewWindows(32, Window{Name: "ddr", Phys: 0x8000_0000, Device: 0x1000_0000, Size: 1 << 30})
	if err != nil {
		tb.Fatal(err)
	}
	return w
}

func must[T any](tb testing.TB) func(T, error) T {
	return func(v T, err error) T {
		tb.Helper()
		if err != nil {
			tb.Fatal(err)
		}
		return v
	}
}
