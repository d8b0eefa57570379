// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/wire"
)

// cacheCase is a state of a buffer of 8 KiB for the rows of TestCacheTable: the CPU's bytes before are 1, and memory too.
type cacheCase struct {
	*host
	d   *dmabuf.Buffer
	ref wire.Ref
	att *attachment
}

const cacheSize = 8192

func newCacheCase(t *testing.T, b *Board, name string, attached bool) *cacheCase {
	c := &cacheCase{host: dial(t, b, name)}
	c.d = c.alloc("ddr", cacheSize)
	p, err := b.Phys(c.d)
	if err != nil {
		t.Fatal(err)
	}
	c.ref = c.host.ref(p[0], cacheSize, 3)
	if attached {
		_, c.att = c.attach(c.d, 3)
	}
	return c
}

func (c *cacheCase) sum() uint64 { c.t.Helper(); return c.uint("sum", c.ref) }

// cpu gives access without any SYNC.
func (c *cacheCase) cpu() []byte {
	c.t.Helper()
	if err := c.d.Open(dmabuf.ReadWrite); err != nil {
		c.t.Fatal(err)
	}
	p, err := c.d.Bytes()
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { c.d.Shut(dmabuf.ReadWrite) })
	return p
}

func (c *cacheCase) start(a dmabuf.Access) {
	c.t.Helper()
	if err := c.d.SyncStart(a); err != nil {
		c.t.Fatal(err)
	}
}

func (c *cacheCase) end(a dmabuf.Access) {
	c.t.Helper()
	if err := c.d.SyncEnd(a); err != nil {
		c.t.Fatal(err)
	}
}

func fillBytes(p []byte, v byte) {
	for i := range p {
		p[i] = v
	}
}

// TestCacheTable is what a processor and the CPU see of each other with right, wrong and missing brackets. The second
// value of want is that of a coherent processor, for which nothing can go wrong.
func TestCacheTable(t *testing.T) {
	const ones, twos = cacheSize, 2 * cacheSize
	tests := []struct {
		name     string
		detached bool
		do       func(c *cacheCase, p []byte) uint64
		want     uint64
		coherent uint64
	}{
		{"right bracket, remote sums", false, func(c *cacheCase, p []byte) uint64 {
			c.start(dmabuf.Write)
			fillBytes(p, 2)
			c.end(dmabuf.Write)
			return c.sum()
		}, twos, twos},
		{"END missing", false, func(c *cacheCase, p []byte) uint64 {
			c.start(dmabuf.Write)
			fillBytes(p, 2)
			return c.sum()
		}, ones, twos},
		{"END given later", false, func(c *cacheCase, p []byte) uint64 {
			fillBytes(p, 2)
			c.sum()
			c.end(dmabuf.Write)
			return c.sum()
		}, twos, twos},
		{"END cleans whatever its direction", false, func(c *cacheCase, p []byte) uint64 {
			fillBytes(p, 2)
			c.end(dmabuf.Read)
			return c.sum()
		}, twos, twos},
		{"remote writes, START, CPU reads", false, func(c *cacheCase, p []byte) uint64 {
			c.uint("fill", c.ref, 2)
			c.start(dmabuf.Read)
			return sumOf(p)
		}, twos, twos},
		{"START missing", false, func(c *cacheCase, p []byte) uint64 {
			c.uint("fill", c.ref, 2)
			return sumOf(p)
		}, ones, twos},
		{"START for WRITE alone invalidates nothing", false, func(c *cacheCase, p []byte) uint64 {
			c.uint("fill", c.ref, 2)
			c.start(dmabuf.Write)
			return sumOf(p)
		}, ones, twos},
		{"START given later", false, func(c *cacheCase, p []byte) uint64 {
			c.uint("fill", c.ref, 2)
			sumOf(p)
			c.start(dmabuf.ReadWrite)
			return sumOf(p)
		}, twos, twos},
		{"write before START: the CPU's bytes are lost", false, func(c *cacheCase, p []byte) uint64 {
			fillBytes(p, 2)
			c.start(dmabuf.ReadWrite)
			c.end(dmabuf.ReadWrite)
			return sumOf(p)
		}, ones, twos},
		{"remote writes another line during a bracket", false, func(c *cacheCase, p []byte) uint64 {
			c.start(dmabuf.ReadWrite)
			p[0] = 3
			c.uint("fill", c.part(lineSize, 1), 3)
			c.end(dmabuf.ReadWrite)
			c.start(dmabuf.Read)
			return sumOf(p)
		}, ones + 4, ones + 4},
		{"false sharing: remote's byte of the same line is lost", false, func(c *cacheCase, p []byte) uint64 {
			c.start(dmabuf.ReadWrite)
			p[0] = 3
			c.uint("fill", c.part(lineSize-1, 1), 3)
			c.end(dmabuf.ReadWrite)
			c.start(dmabuf.Read)
			return sumOf(p)
		}, ones + 2, ones + 4},
		{"right bracket, nothing attached", true, func(c *cacheCase, p []byte) uint64 {
			c.start(dmabuf.Write)
			fillBytes(p, 2)
			c.end(dmabuf.Write)
			return c.sum()
		}, 0, twos},
		{"attach cleans", true, func(c *cacheCase, p []byte) uint64 {
			fillBytes(p, 2)
			c.attach(c.d, 3)
			return c.sum()
		}, twos, twos},
		{"detach invalidates", false, func(c *cacheCase, p []byte) uint64 {
			c.uint("fill", c.ref, 2)
			c.att.Close()
			return sumOf(p)
		}, twos, twos},
		{"after detach SYNC does nothing", false, func(c *cacheCase, p []byte) uint64 {
			c.att.Close()
			fillBytes(p, 2)
			c.end(dmabuf.ReadWrite)
			return c.sum()
		}, ones, twos},
	}
	for _, tt := range tests {
		for name, want := range map[string]uint64{"dsp0": tt.want, "core0": tt.coherent} {
			t.Run(tt.name+"/"+name, func(t *testing.T) {
				b := newBoard(t, Config{})
				c := newCacheCase(t, b, name, !tt.detached)
				p := c.cpu()
				fillBytes(p, 1)
				if !tt.detached {
					c.end(dmabuf.Write)
				}
				if got := tt.do(c, p); got != want {
					t.Errorf("%d, want %d", got, want)
				}
			})
		}
	}
}

func sumOf(p []byte) (n uint64) {
	for _, v := range p {
		n += uint64(v)
	}
	return n
}

func (c *cacheCase) part(off, n uint64) wire.Ref {
	return wire.Ref{Addr: c.ref.Addr + off, Len: n, Flags: 3}
}

// TestColdCache is a buffer that the CPU first looks at after the processor wrote it.
func TestColdCache(t *testing.T) {
	for _, tt := range []struct {
		name string
		do   func(c *cacheCase)
		want uint64
	}{
		{"right", func(c *cacheCase) { c.start(dmabuf.Read) }, 2 * cacheSize},
		{"START missing: the zeros of the allocation", func(c *cacheCase) {}, 0},
		{"detached", func(c *cacheCase) { c.att.Close() }, 2 * cacheSize},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := newCacheCase(t, newBoard(t, Config{}), "dsp0", true)
			c.uint("fill", c.ref, 2)
			tt.do(c)
			if got := sumOf(c.cpu()); got != tt.want {
				t.Errorf("%d, want %d", got, tt.want)
			}
		})
	}
}

func TestSyncCounts(t *testing.T) {
	b := newBoard(t, Config{})
	c := newCacheCase(t, b, "dsp0", true)
	p := c.cpu()
	p[0], p[100], p[5000], p[5001] = 1, 1, 1, 1 // three lines
	c.end(dmabuf.Write)
	c.uint("fill", c.part(0, 2*lineSize), 9)
	p[64*10] = 5 // lost by the START that follows
	c.start(dmabuf.Read)
	s := b.Stats()
	if s.SyncStart != 1 || s.SyncEnd != 1 || s.SyncIdle != 0 || s.Cleaned != 3 || s.Invalidated != 3 || s.Lost != 1 || s.Attached != 1 {
		t.Errorf("%+v", s)
	}
	if s.Bytes() != 6*64 {
		t.Errorf("%d bytes", s.Bytes())
	}
	c.start(dmabuf.Write)
	c.att.Close()
	c.att.Close()
	c.end(dmabuf.Write)
	if s := b.Stats(); s.SyncIdle != 2 || s.Detached != 1 {
		t.Errorf("%+v", s)
	}
}

// TestTwoProcessors: a coherent attachment alone does not make SYNC work for the other processor.
func TestTwoProcessors(t *testing.T) {
	b := newBoard(t, Config{})
	c := newCacheCase(t, b, "core0", true)
	dsp := dial(t, b, "dsp0")
	c.uint("fill", c.ref, 5) // a coherent core writes into the cache
	p, _ := b.Phys(c.d)
	r := dsp.ref(p[0], cacheSize, 1)
	c.end(dmabuf.Write)
	if n := dsp.uint("sum", r); n != 0 {
		t.Errorf("without an attachment of dsp0: %d", n)
	}
	dsp.attach(c.d, 1)
	if n := dsp.uint("sum", r); n != 5*cacheSize {
		t.Errorf("attached: %d", n)
	}
}

// TestMemoryOutlivesBuffer: an attachment keeps the memory, as in the kernel.
func TestMemoryOutlivesBuffer(t *testing.T) {
	b := newBoard(t, Config{})
	h := &host{t: t, b: b, p: processor(t, b, "dsp0")}
	d := h.alloc("msmc", 1<<20)
	_, a := h.attach(d, 3)
	d.Close()
	if free := heapInfo(t, b, "msmc").Free; free != 0 {
		t.Errorf("%d bytes free while attached", free)
	}
	a.Close()
	if free := heapInfo(t, b, "msmc").Free; free != 1<<20 {
		t.Errorf("%d bytes free", free)
	}
}

func BenchmarkSync(b *testing.B) {
	for _, size := range []int64{4 << 10, 64 << 10, 1 << 20} {
		for _, dirty := range []bool{false, true} {
			name := map[bool]string{false: "clean", true: "dirty"}[dirty]
			b.Run(name+"/"+sizeName(size), func(b *testing.B) {
				board := newBoard(b, Config{})
				h := &host{t: b, b: board, p: processor(b, board, "dsp0")}
				d := h.alloc("ddr", size)
				h.attach(d, 3)
				b.SetBytes(size)
				v := byte(0)
				for b.Loop() {
					v++
					if err := d.View(dmabuf.ReadWrite, func(p []byte) error {
						if dirty {
							fillBytes(p, v)
						}
						return nil
					}); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func sizeName(n int64) string {
	if n >= 1<<20 {
		return "1MiB"
	}
	return map[int64]string{4 << 10: "4KiB", 64 << 10: "64KiB"}[n]
}
