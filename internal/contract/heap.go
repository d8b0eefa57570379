// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
)

func testHeaps(t *testing.T, e *env) {
	list, err := e.rt.Heaps()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]runtime.HeapInfo{}
	for _, h := range list {
		if _, twice := found[h.Name]; twice || h.Name == "" {
			t.Errorf("heap %q is listed twice or has no name", h.Name)
		}
		found[h.Name] = h
		if h.Size == 0 || h.Free < -1 || h.LargestFree < -1 || h.Size > 0 && h.Free > h.Size || h.Free >= 0 && h.LargestFree > h.Free {
			t.Errorf("heap %q: size %d, free %d, largest free %d", h.Name, h.Size, h.Free, h.LargestFree)
		}
	}
	for _, name := range []string{e.Heap, e.OnChip} {
		if h := found[name]; !h.Contiguous || !h.Mappable {
			t.Errorf("heap %q: %+v, want contiguous and mappable", name, h)
		}
	}
	if e.Scattered != "" && found[e.Scattered].Contiguous {
		t.Errorf("heap %q claims to be contiguous", e.Scattered)
	}
}

func testAlloc(t *testing.T, e *env) {
	ctx := e.ctx(t)
	for _, name := range []string{e.Heap, e.Alias, e.OnChip, ""} {
		if name == "" && e.Alias == "" {
			continue
		}
		b, err := e.rt.Alloc(ctx, runtime.AllocConfig{Heap: name, Size: 5000, Name: "five"})
		if err != nil {
			t.Fatalf("heap %q: %v", name, err)
		}
		if b.Size() != 5000 || b.Name() != "five" {
			t.Errorf("heap %q: %v", name, b)
		}
		if err := b.View(dmabuf.Read, func(p []byte) error {
			if len(p) != 5000 || bytes.ContainsFunc(p, func(r rune) bool { return r != 0 }) {
				t.Errorf("heap %q: %d bytes, not all zero", name, len(p))
			}
			return nil
		}); err != nil {
			t.Error(err)
		}
		if err := errors.Join(b.Close(), b.Close()); err != nil {
			t.Error(err)
		}
		if err := b.Begin(dmabuf.Read); !errors.Is(err, os.ErrClosed) {
			t.Errorf("bracket on a closed buffer: %v", err)
		}
		if _, err := b.DeviceAddress(e.Processor, 0, 1); !errors.Is(err, os.ErrClosed) {
			t.Errorf("address of a closed buffer: %v", err)
		}
	}
	for _, c := range []struct {
		heap string
		size int64
		want error
	}{
		{e.Heap, 0, os.ErrInvalid}, {e.Heap, -1, os.ErrInvalid}, {e.Heap, math.MinInt64, os.ErrInvalid},
		{e.Heap, math.MaxInt64, runtime.ErrNoMemory}, {e.Heap, 1 << 46, runtime.ErrNoMemory}, {e.OnChip, 1 << 30, runtime.ErrNoMemory},
		{"no-such-heap", 4096, fs.ErrNotExist}, {"../null", 4096, fs.ErrNotExist}, {"\x00", 4096, fs.ErrNotExist},
	} {
		if b, err := e.rt.Alloc(ctx, runtime.AllocConfig{Heap: c.heap, Size: c.size, Name: "bad"}); b != nil || !errors.Is(err, c.want) {
			t.Errorf("%d bytes of heap %q: %v, %v, want %v", c.size, c.heap, b, err, c.want)
		}
	}
	over, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := e.rt.Alloc(over, runtime.AllocConfig{Heap: e.Heap, Size: 4096}); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
}

func testBrackets(t *testing.T, e *env) {
	b := e.alloc(t, e.Heap, 8192, "brackets")
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("bytes outside a bracket: %v", err)
	}
	if err := b.End(dmabuf.Read); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("End without Begin: %v", err)
	}
	if err := b.Begin(0); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("Begin for nothing: %v", err)
	}
	if err := b.Begin(dmabuf.Read); err != nil {
		t.Fatal(err)
	}
	if err := b.End(dmabuf.Write); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("End for writing of a bracket for reading: %v", err)
	}
	if err := b.End(dmabuf.Read); err != nil {
		t.Error(err)
	}
	want := errors.New("mine")
	if err := b.View(dmabuf.Write, func(p []byte) error {
		p[0] = 1
		return want
	}); !errors.Is(err, want) {
		t.Errorf("View hides the error of its function: %v", err)
	}
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("bytes after View: %v", err)
	}
}

// badRanges are the ranges of OP-TEE's SDP test and some more, for a buffer of size bytes.
func badRanges(size int64) [][2]int64 {
	return [][2]int64{{size - 1, 2}, {size - 1, 5000}, {size, 1}, {size, 4096}, {2, math.MaxInt64}, {-1, 1}, {0, -1}, {math.MinInt64, 1},
		{math.MaxInt64, math.MaxInt64}, {0, size + 1}}
}

func testRanges(t *testing.T, e *env) {
	const size = 5000
	b := e.alloc(t, e.Heap, size, "ranges")
	for _, r := range badRanges(size) {
		if err := b.CheckRange(r[0], r[1]); !errors.Is(err, dmabuf.ErrRange) {
			t.Errorf("CheckRange %v: %v", r, err)
		}
		if _, err := b.DeviceAddress(e.Processor, r[0], r[1]); !errors.Is(err, dmabuf.ErrRange) {
			t.Errorf("DeviceAddress %v: %v", r, err)
		}
	}
	for _, r := range [][2]int64{{0, 0}, {size, 0}, {size - 1, 1}, {0, size}} {
		if err := b.CheckRange(r[0], r[1]); err != nil {
			t.Errorf("CheckRange %v: %v", r, err)
		}
	}
	if _, err := b.WriteAt([]byte{1, 2}, size-1); !errors.Is(err, dmabuf.ErrRange) {
		t.Errorf("WriteAt past the end: %v", err)
	}
	if n, err := b.ReadAt(make([]byte, 2), size-1); n != 1 || err == nil {
		t.Errorf("ReadAt past the end: %d, %v", n, err)
	}
	if _, err := b.ReadAt(make([]byte, 2), -1); !errors.Is(err, dmabuf.ErrRange) {
		t.Errorf("ReadAt before the beginning: %v", err)
	}
}

func testSecure(t *testing.T, e *env) {
	if e.Secure == "" {
		return
	}
	s := e.start(t)
	ctx := e.ctx(t)
	secure, plain := e.alloc(t, e.Secure, 5000, "secret"), e.buffer(t, "plain", pattern(5000))
	if err := secure.Begin(dmabuf.Read); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("CPU access: %v", err)
	}
	var n uint64
	if err := s.Call(ctx, "copy", &n, secure.Out(), plain.In()); err != nil || n != 5000 {
		t.Fatalf("copy in: %d, %v", n, err)
	}
	back := e.alloc(t, e.Heap, 5000, "back")
	if err := s.Call(ctx, "copy", &n, back.Out(), secure.In()); err != nil || n != 5000 {
		t.Fatalf("copy out: %d, %v", n, err)
	}
	if !bytes.Equal(read(t, back), pattern(5000)) {
		t.Error("what came back is not what went in")
	}
}

// pattern is n bytes without a short period.
func pattern(n int) []byte {
	p := make([]byte, n)
	x := uint32(0x2545f491)
	for i := range p {
		x ^= x << 13
		x ^= x >> 17
		x ^= x << 5
		p[i] = byte(x >> 11)
	}
	return p
}
