// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/offload-runtime/offload/dmabuf"
)

// BenchmarkTransfer moves sub-buffers out of their parent and back, and the same bytes with copy() alone, in turns. The metric
// "ofcopy" is the bandwidth as a part of that of copy(), from the medians. Parts of a large parent are taken one after
// the other, as programs do; "hot" repeats one that is in the first cache already, where the fixed cost shows.
func BenchmarkTransfer(b *testing.B) {
	const parent = 64 << 20
	for _, size := range []int64{4 << 10, 64 << 10, 256 << 10, 1 << 20, 16 << 20} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			var parts []Region
			for i := range min(128, parent/size-1) {
				parts = append(parts, Range{4096 + i*(parent/size-1)/min(128, parent/size-1)*size, size})
			}
			transfer(b, parts, parent)
		})
	}
	b.Run("64KiB-hot", func(b *testing.B) { transfer(b, []Region{Range{4096, 64 << 10}}, parent) })
	b.Run("tile512x512", func(b *testing.B) {
		var parts []Region
		for i := range int64(64) {
			parts = append(parts, Rect{Origin: [3]int64{i % 8 * 512, i / 8 * 512}, Size: [3]int64{512, 512, 1}, RowPitch: 4096})
		}
		transfer(b, parts, parent)
	})
}

func transfer(b *testing.B, parts []Region, size int64) {
	parent := anonymous(b, size)
	set, err := NewSet(Config{Parent: parent, Alloc: func(n int64, name string) (Memory, error) { return dmabuf.Anonymous(n, name) }})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := set.CloseChildren(); err != nil {
			b.Error(err)
		}
	}()
	var subs []*Sub
	for _, r := range parts {
		sub, err := set.New(Spec{Region: r, Access: dmabuf.ReadWrite, Mode: Copy})
		if err != nil {
			b.Fatal(err)
		}
		if err := sub.Commit(); err != nil { // no page faults below
			b.Fatal(err)
		}
		subs = append(subs, sub)
	}
	n := subs[0].Len()
	b.SetBytes(4 * n)
	b.ReportAllocs()
	var plain, ours []time.Duration
	i := 0
	for b.Loop() {
		sub := subs[i%len(subs)]
		start := time.Now()
		if err := sub.Refresh(); err != nil {
			b.Fatal(err)
		}
		if err := sub.Commit(); err != nil {
			b.Fatal(err)
		}
		ours = append(ours, time.Since(start))
		// The other half of the round, so that neither finds what the other has just brought into the cache.
		sub = subs[(i+len(subs)/2)%len(subs)]
		i++
		err := parent.View(dmabuf.ReadWrite, func(p []byte) error {
			return sub.Memory().(*dmabuf.Buffer).View(dmabuf.ReadWrite, func(c []byte) error {
				start := time.Now()
				if rect, ok := sub.Region().(Rect); ok {
					copyRows(p, c, rect)
				} else {
					off := sub.Region().(Range).Offset
					copy(c[:n], p[off:off+n])
					copy(p[off:off+n], c[:n])
				}
				plain = append(plain, time.Since(start))
				return nil
			})
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	slices.Sort(plain)
	slices.Sort(ours)
	b.ReportMetric(float64(plain[len(plain)/2])/float64(ours[len(ours)/2]), "ofcopy")
	b.ReportMetric(float64(ours[len(ours)/2].Nanoseconds()), "median-ns")
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
