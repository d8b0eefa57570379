// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
)

// BenchmarkTransfer moves a sub-buffer out of its parent and back, and the same bytes with copy() alone, in turns. The metric
// "ofcopy" is the bandwidth as a part of that of copy().
func BenchmarkTransfer(b *testing.B) {
	for _, size := range []int64{4 << 10, 64 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) { transfer(b, Range{4096, size}, size+8192) })
	}
	b.Run("tile512x512", func(b *testing.B) {
		transfer(b, Rect{Origin: [3]int64{512, 512}, Size: [3]int64{512, 512, 1}, RowPitch: 2048}, 2048*2048)
	})
}

func transfer(b *testing.B, r Region, size int64) {
	parent := anonymous(b, size)
	set, err := NewSet(Config{Parent: parent, Alloc: func(n int64, name string) (Memory, error) { return dmabuf.Anonymous(n, name) }})
	if err != nil {
		b.Fatal(err)
	}
	sub, err := set.New(Spec{Region: r, Access: dmabuf.ReadWrite, Mode: Copy})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := set.CloseChildren(); err != nil {
			b.Error(err)
		}
	}()
	if err := sub.Commit(); err != nil { // no page faults below
		b.Fatal(err)
	}
	n := sub.Len()
	b.SetBytes(2 * n)
	b.ReportAllocs()
	var plain, ours time.Duration
	for b.Loop() {
		start := time.Now()
		if err := sub.Refresh(); err != nil {
			b.Fatal(err)
		}
		if err := sub.Commit(); err != nil {
			b.Fatal(err)
		}
		mid := time.Now()
		ours += mid.Sub(start)
		err := parent.View(dmabuf.ReadWrite, func(p []byte) error {
			return sub.Memory().(*dmabuf.Buffer).View(dmabuf.ReadWrite, func(c []byte) error {
				start := time.Now()
				if rect, ok := r.(Rect); ok {
					copyRows(p, c, rect)
				} else {
					copy(c[:n], p[4096:4096+n])
					copy(p[4096:4096+n], c[:n])
				}
				plain += time.Since(start)
				return nil
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(plain)/float64(ours), "ofcopy")
}

func copyRows(p, c []byte, r Rect) {
	w, off := r.Size[0], r.Origin[1]*r.RowPitch+r.Origin[0]
	for y := range r.Size[1] {
		copy(c[y*w:][:w], p[off+y*r.RowPitch:])
	}
	for y := range r.Size[1] {
		copy(p[off+y*r.RowPitch:][:w], c[y*w:])
	}
}

func anonymous(b testing.TB, size int64) *dmabuf.Buffer {
	b.Helper()
	m, err := dmabuf.Anonymous(size, "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { m.Close() })
	return m
}

// BenchmarkNew is the cost of a sub-buffer whose memory is there: make, fill, commit, close.
func BenchmarkNew(b *testing.B) {
	parent, child := anonymous(b, 1<<20), anonymous(b, 4096)
	set, err := NewSet(Config{
		Parent: parent,
		Alloc:  func(int64, string) (Memory, error) { return child, nil },
		Free:   func(Memory) error { return nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		s, err := set.New(Spec{Region: Range{8192, 4096}, Access: dmabuf.ReadWrite, Mode: Copy, Name: "s"})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Commit(); err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
