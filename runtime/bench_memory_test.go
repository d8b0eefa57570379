// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/subbuf"
)

// The benchmarks of memory run on a board with a kernel of its own:
//
//	go run ./test/qemu/cmd/board test -m dsp ./runtime -run '^$' -bench Memory -benchtime 20x
//
// docs/coherence.md shows what they print.

// onLinux starts a runtime on the board of this kernel.
func onLinux(b *testing.B, c runtime.Config) *runtime.Runtime {
	b.Helper()
	testenv.NeedDevice(b, "/dev/dma_heap/linux,cma")
	testenv.NeedDevice(b, "/sys/class/remoteproc/remoteproc0")
	board, err := runtime.OpenLinux(b.Context(), runtime.LinuxConfig{})
	if err != nil {
		b.Fatal(err)
	}
	c.Board, c.DDR = board, "linux,cma"
	rt, err := runtime.New(c)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if err := errors.Join(rt.Close(), board.Close()); err != nil {
			b.Error(err)
		}
	})
	return rt
}

func attached(b *testing.B, buf *runtime.Buffer) *dmabuf.Buffer {
	b.Helper()
	if _, err := buf.DeviceAddress("dsp0", 0, 1); err != nil {
		b.Fatal(err)
	}
	return buf.DMABuf()
}

// round is what the kernel does for a buffer that goes to a processor and back: clean, invalidate.
func round(b *testing.B, mem *dmabuf.Buffer) {
	if err := errors.Join(mem.SyncEnd(dmabuf.ReadWrite), mem.SyncStart(dmabuf.ReadWrite)); err != nil {
		b.Fatal(err)
	}
}

// median is of times. On a busy machine the mean is of what else runs there.
type median []time.Duration

func (m *median) add(began time.Time) { *m = append(*m, time.Since(began)) }

func (m *median) report(b *testing.B) {
	slices.Sort(*m)
	b.ReportMetric(float64((*m)[len(*m)/2])/1000, "median-µs")
	*m = nil
}

// BenchmarkMemorySub compares three ways to change part of a 64 MiB buffer that a non-coherent processor shares: a bracket
// around all of it, a sub-buffer with a copy, and what Auto takes. The round trip to the processor is in it, the processor's
// own work is not.
func BenchmarkMemorySub(b *testing.B) {
	const whole = 64 << 20
	rt := onLinux(b, runtime.Config{})
	parent := alloc(b, rt, runtime.AllocConfig{Size: whole, Name: "parent"})
	mem := attached(b, parent)
	put(b, parent, 1)
	cost, err := rt.Calibrate(b.Context(), runtime.CalibrateConfig{Processor: "dsp0"})
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%+v", cost)
	b.Run("whole", func(b *testing.B) {
		var m median
		for b.Loop() {
			began := time.Now()
			round(b, mem)
			m.add(began)
		}
		m.report(b)
	})
	for n := int64(4096); n <= whole; n *= 4 {
		for _, mode := range []subbuf.Mode{subbuf.Copy, subbuf.Auto} {
			b.Run(fmt.Sprintf("%v/%dKiB", mode, n>>10), func(b *testing.B) {
				s, err := parent.Sub(b.Context(), runtime.SubConfig{Region: subbuf.Range{Size: n}, Access: dmabuf.ReadWrite, Mode: mode})
				if err != nil {
					b.Fatal(err)
				}
				child := attached(b, s.Buffer())
				if err := s.Buffer().View(dmabuf.Read, func([]byte) error { return nil }); err != nil {
					b.Fatal(err)
				}
				var m median
				for b.Loop() {
					began := time.Now()
					if s.Mode() == subbuf.Copy {
						err = s.Refresh()
					}
					round(b, child)
					if s.Mode() == subbuf.Copy {
						err = errors.Join(err, s.Commit())
					}
					if err != nil {
						b.Fatal(err)
					}
					m.add(began)
				}
				b.StopTimer()
				m.report(b)
				shared := 0.0
				if s.Mode() == subbuf.Share {
					shared = 1
				}
				b.ReportMetric(shared, "shared")
				if err := s.Close(); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
	if err := parent.Close(); err != nil {
		b.Error(err)
	}
}

// BenchmarkMemoryAlloc compares ways to a buffer whose every page the CPU can write without a fault.
func BenchmarkMemoryAlloc(b *testing.B) {
	for _, n := range []int64{64 << 10, 1 << 20, 16 << 20} {
		get := func(b *testing.B, rt *runtime.Runtime, name string, keep bool) *runtime.Buffer {
			buf, err := rt.Alloc(context.Background(), runtime.AllocConfig{Size: n, Name: name, Keep: keep})
			if err == nil {
				err = buf.Begin(dmabuf.Write)
			}
			if err != nil {
				b.Fatal(err)
			}
			return buf
		}
		give := func(b *testing.B, buf *runtime.Buffer) {
			if err := errors.Join(buf.End(dmabuf.Write), buf.Close()); err != nil {
				b.Fatal(err)
			}
		}
		size := fmt.Sprintf("/%dKiB", n>>10)
		var m median
		timed := func(b *testing.B, rt *runtime.Runtime, name string, keep bool) *runtime.Buffer {
			began := time.Now()
			buf := get(b, rt, name, keep)
			m.add(began)
			return buf
		}
		report := func(b *testing.B, rt *runtime.Runtime) {
			m.report(b)
			b.ReportMetric(float64(rt.Stats().Memory.Reused), "reused")
		}
		b.Run("fresh"+size, func(b *testing.B) {
			rt := onLinux(b, runtime.Config{Reuse: runtime.ReuseConfig{Off: true}})
			for b.Loop() {
				began := time.Now()
				buf := get(b, rt, "a", false)
				p, err := buf.Bytes()
				if err != nil {
					b.Fatal(err)
				}
				for i := 0; i < len(p); i += 4096 {
					p[i] = 1
				}
				m.add(began)
				give(b, buf)
			}
			report(b, rt)
		})
		b.Run("owner"+size, func(b *testing.B) {
			rt := onLinux(b, runtime.Config{})
			give(b, get(b, rt, "a", true))
			for b.Loop() {
				give(b, timed(b, rt, "a", true))
			}
			report(b, rt)
		})
		b.Run("zeroed-at-once"+size, func(b *testing.B) {
			rt := onLinux(b, runtime.Config{})
			give(b, get(b, rt, "a", false))
			for b.Loop() {
				give(b, timed(b, rt, "b", false))
			}
			report(b, rt)
		})
		b.Run("zeroed-idle"+size, func(b *testing.B) {
			rt := onLinux(b, runtime.Config{})
			name := "a"
			give(b, get(b, rt, name, false))
			want := int64(0)
			tick := time.NewTicker(2 * time.Millisecond)
			defer tick.Stop()
			idle := func() { // the guest has one CPU: a busy loop would keep it from zeroing, and from being done with it
				for want += n; rt.Stats().Memory.ZeroedIdle < want; {
					select {
					case <-tick.C:
					case <-b.Context().Done():
						return
					}
				}
				<-tick.C
			}
			for b.Loop() {
				idle()
				give(b, timed(b, rt, "b", false))
			}
			report(b, rt)
		})
	}
}

// BenchmarkMemoryChain takes 16 MiB through five stages on the processor, and counts what was synchronised: by the record of
// ownership, and with a bracket of every buffer around every call, as users of libdmabufheap do it.
func BenchmarkMemoryChain(b *testing.B) {
	const size, stages = 16 << 20, 5
	for _, mode := range []string{"elided", "bracketed"} {
		b.Run(mode, func(b *testing.B) {
			rt := onLinux(b, runtime.Config{})
			s, err := rt.Start(b.Context(), runtime.SessionConfig{Processor: "dsp0", Firmware: "offload-dsp0.elf"})
			if err != nil {
				b.Fatal(err)
			}
			var bufs [stages + 1]*runtime.Buffer
			for i := range bufs {
				bufs[i] = alloc(b, rt, runtime.AllocConfig{Size: size, Name: strings.Repeat("x", i+1)})
				put(b, bufs[i], 1)
			}
			for i := range stages { // attaches them
				if err := s.Call(b.Context(), "copy", nil, bufs[i+1].Out(), bufs[i].In()); err != nil {
					b.Fatal(err)
				}
			}
			var syncs, bytes float64
			var synced time.Duration
			for b.Loop() {
				before := rt.Stats()
				put(b, bufs[0], 1)
				for i := range stages {
					in, out := bufs[i], bufs[i+1]
					began := time.Now()
					if mode == "bracketed" {
						for _, m := range []*dmabuf.Buffer{in.DMABuf(), out.DMABuf()} {
							if err := m.SyncEnd(dmabuf.ReadWrite); err != nil {
								b.Fatal(err)
							}
							syncs, bytes = syncs+1, bytes+size
						}
					}
					synced += time.Since(began)
					if err := s.Call(b.Context(), "copy", nil, out.Out(), in.In()); err != nil {
						b.Fatal(err)
					}
					began = time.Now()
					if mode == "bracketed" {
						for _, m := range []*dmabuf.Buffer{in.DMABuf(), out.DMABuf()} {
							if err := m.SyncStart(dmabuf.ReadWrite); err != nil {
								b.Fatal(err)
							}
							syncs, bytes = syncs+1, bytes+size
						}
					}
					synced += time.Since(began)
				}
				first(b, bufs[stages])
				if mode == "elided" {
					after := rt.Stats()
					syncs += float64(after.SyncsIssued - before.SyncsIssued)
					bytes += float64(after.BytesSynced - before.BytesSynced)
				}
			}
			n := float64(b.N)
			b.ReportMetric(syncs/n, "SYNCs/op")
			b.ReportMetric(bytes/n/(1<<20), "MiB-synced/op")
			b.ReportMetric(float64(synced.Microseconds())/1000/n, "ms-SYNC/op")
			for _, x := range bufs {
				if err := x.Close(); err != nil {
					b.Error(err)
				}
			}
		})
	}
}
