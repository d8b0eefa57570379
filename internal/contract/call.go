// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
)

func testEcho(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	for _, v := range []any{nil, true, false, int64(0), int64(-1), int64(-33), int64(math.MinInt64), int64(127), int64(1 << 40), 1.5, "",
		"text", []byte{}, []byte{0, 0xc1, 255}, []any{int8(1), "two", []any{nil}}} {
		var raw any
		if err := s.Call(ctx, "echo", &raw, v); err != nil {
			t.Errorf("echo of %#v: %v", v, err)
			continue
		}
		got, want := reflect.ValueOf(raw), reflect.ValueOf(v)
		if v != nil && want.CanInt() && got.IsValid() && (got.CanInt() && got.Int() == want.Int() || got.CanUint() && int64(got.Uint()) == want.Int()) {
			continue
		}
		if !reflect.DeepEqual(raw, v) {
			t.Errorf("echo of %#v is %#v", v, raw)
		}
	}
	long := pattern(400)
	var back []byte
	if err := s.Call(ctx, "echo", &back, long); err != nil || !bytes.Equal(back, long) {
		t.Errorf("echo of 400 bytes: %d bytes, %v", len(back), err)
	}
	var u uint64
	if err := s.Call(ctx, "echo", &u, uint64(math.MaxUint64)); err != nil || u != math.MaxUint64 {
		t.Errorf("echo of 2^64-1: %d, %v", u, err)
	}
}

func testCallErrors(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	for _, c := range []struct {
		name, method string
		want         error
		args         []any
	}{
		{"unknown method", "no_such_method", runtime.ErrUnknownMethod, nil},
		{"empty method", "", runtime.ErrUnknownMethod, nil},
		{"no arguments", "fill", runtime.ErrBadArguments, nil},
		{"too many arguments", "sum", runtime.ErrBadArguments, []any{[]byte{1}, 2, 3}},
		{"wrong type", "sum", runtime.ErrBadArguments, []any{"text"}},
		{"negative count", "poke", runtime.ErrBadArguments, []any{0, 0, -1}},
		{"unencodable", "echo", runtime.ErrBadArguments, []any{make(chan int)}},
		{"too large", "echo", runtime.ErrTooLarge, []any{string(make([]byte, 600))}},
		{"nil buffer", "sum", runtime.ErrBadArguments, []any{runtime.Ref{Length: 1, Dir: runtime.In}}},
	} {
		if err := s.Call(ctx, c.method, nil, c.args...); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", c.name, err, c.want)
		}
	}
	var remote *runtime.RemoteError
	if err := s.Call(ctx, "sum", nil, "text"); !errors.As(err, &remote) || remote.Method != "sum" || remote.Processor != e.Processor {
		t.Errorf("error of the remote: %v", err)
	}
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if err := s.Call(ended, "ping", nil, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if err := s.Call(ctx, "ping", nil, 1); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

func testResults(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	for _, c := range []struct {
		name string
		arg  any
		dst  any
	}{
		{"text into a number", "text", new(int)}, {"300 into a byte", 300, new(uint8)}, {"-1 into an unsigned", -1, new(uint64)},
		{"number into bytes", 5, new([]byte)}, {"nil into a boolean", nil, new(bool)}, {"-129 into an int8", -129, new(int8)},
		{"array into a string", []int{1}, new(string)},
	} {
		if err := s.Call(ctx, "echo", c.dst, c.arg); !errors.Is(err, runtime.ErrProtocol) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	var list []int
	if err := s.Call(ctx, "echo", &list, []int{1, -2, 300}); err != nil || !reflect.DeepEqual(list, []int{1, -2, 300}) {
		t.Errorf("list: %v, %v", list, err)
	}
}

func testSpill(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	for _, n := range []int{1, 450, 490, 496, 5000, 100000} {
		data := pattern(n)
		var crc uint32
		if err := s.Call(ctx, "crc32c", &crc, data); err != nil || crc != functions.CRC32C(data) {
			t.Errorf("crc32c of %d bytes: %#x, %v, want %#x", n, crc, err, functions.CRC32C(data))
		}
	}
	// An argument that moved to a buffer is freed afterwards: Cleanup of the suite notices it otherwise.
	out := e.alloc(t, e.Heap, 4000, "out")
	var n uint64
	a, b := pattern(4000), pattern(8000)[4000:]
	if err := s.Call(ctx, "add_i16", &n, out.Out(), a, b); err != nil || n != 2000 {
		t.Fatalf("add_i16: %d, %v", n, err)
	}
	want := make([]byte, 4000)
	if _, err := functions.AddI16(want, a, b); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(read(t, out), want) {
		t.Error("add_i16 with inline arguments is wrong")
	}
}

// testFunctions compares every function with its reference, on odd sizes.
func testFunctions(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	call := func(method string, size int, ref func(out []byte) (uint64, error), args ...any) {
		t.Helper()
		out := e.alloc(t, e.Heap, int64(size), method)
		junk := bytes.Repeat([]byte{0xa5}, size)
		if _, err := out.WriteAt(junk, 0); err != nil {
			t.Fatal(err)
		}
		var n uint64
		if err := s.Call(ctx, method, &n, append([]any{out.Out()}, args...)...); err != nil {
			t.Errorf("%s: %v", method, err)
			return
		}
		wantN, err := ref(junk)
		if err != nil {
			t.Fatal(err)
		}
		if n != wantN || !bytes.Equal(read(t, out), junk) {
			t.Errorf("%s: result %d, want %d; output equal: %v", method, n, wantN, bytes.Equal(read(t, out), junk))
		}
	}
	w, h, stride := 61, 37, 67
	size := stride*(h-1) + w
	pic := pattern(size)
	picture := e.buffer(t, "picture", pic)
	call("gauss5x5", size, func(o []byte) (uint64, error) {
		return functions.Gauss5x5(o, pic, uint64(w), uint64(h), uint64(stride))
	},
		picture.In(), w, h, stride)
	call("sobel3x3", size, func(o []byte) (uint64, error) {
		return functions.Sobel3x3(o, pic, uint64(w), uint64(h), uint64(stride))
	},
		picture.In(), w, h, stride)
	x, taps := pattern(2*1000), pattern(3000)[2900:3000]
	call("fir_q15", len(x), func(o []byte) (uint64, error) { return functions.FIRQ15(o, x, taps) }, e.buffer(t, "x", x).In(), taps)
	a, b := pattern(2*777), pattern(4 * 777)[2*777:]
	call("add_i16", len(a), func(o []byte) (uint64, error) { return functions.AddI16(o, a, b) }, e.buffer(t, "a", a).In(), e.buffer(t, "b", b).In())
	m, n, k := 13, 9, 21
	ma, mb := pattern(m*k), pattern(m*k + k*n)[m*k:]
	call("matmul_i8", 4*m*n, func(o []byte) (uint64, error) {
		return functions.MatMulI8(o, ma, mb, uint64(m), uint64(n), uint64(k))
	}, e.buffer(t, "A", ma).In(), e.buffer(t, "B", mb).In(), m, n, k)
	call("fill", 3001, func(o []byte) (uint64, error) { return functions.Fill(o, 0x5a), nil }, 0x5a)
	call("copy", 3001, func(o []byte) (uint64, error) { return functions.Copy(o, x), nil }, e.buffer(t, "src", x).In())
}

func testBuffers(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	data := pattern(10000)
	b := e.buffer(t, "data", data)
	for _, r := range [][2]int64{{0, 10000}, {0, 0}, {10000, 0}, {9999, 1}, {1, 9999}, {4095, 2}, {64, 128}} {
		var sum, want uint64
		for _, x := range data[r[0] : r[0]+r[1]] {
			want += uint64(x)
		}
		if err := s.Call(ctx, "sum", &sum, b.Range(r[0], r[1], runtime.In)); err != nil || sum != want {
			t.Errorf("sum of %v: %d, %v, want %d", r, sum, err, want)
		}
	}
	// What the remote writes lies where it should and nowhere else.
	if err := s.Call(ctx, "fill", nil, b.Range(100, 333, runtime.Out), 0xee); err != nil {
		t.Fatal(err)
	}
	copy(data[100:433], bytes.Repeat([]byte{0xee}, 333))
	if !bytes.Equal(read(t, b), data) {
		t.Error("fill of a range is wrong")
	}
	onChip := e.alloc(t, e.OnChip, 5000, "on-chip")
	var n uint64
	if err := s.Call(ctx, "copy", &n, onChip.Out(), b.In()); err != nil || n != 5000 || !bytes.Equal(read(t, onChip), data[:5000]) {
		t.Errorf("copy to on-chip memory: %d, %v", n, err)
	}
}

func testBufferErrors(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const size = 5000
	b := e.buffer(t, "b", pattern(size))
	for _, r := range badRanges(size) {
		if err := s.Call(ctx, "sum", nil, b.Range(r[0], r[1], runtime.In)); !errors.Is(err, dmabuf.ErrRange) {
			t.Errorf("range %v: %v", r, err)
		}
	}
	if err := s.Call(ctx, "sum", nil, b.Range(0, 1, 0)); !errors.Is(err, runtime.ErrBadArguments) {
		t.Errorf("no direction: %v", err)
	}
	if err := s.Call(ctx, "sum", nil, b.Range(0, 1, 8)); !errors.Is(err, runtime.ErrBadArguments) {
		t.Errorf("unknown direction: %v", err)
	}
	if err := s.Call(ctx, "sum", nil, b.Out()); !errors.Is(err, runtime.ErrBadBuffer) && !errors.Is(err, runtime.ErrBadArguments) {
		t.Errorf("reading what is to be written: %v", err)
	}
	if err := s.Call(ctx, "fill", nil, b.In(), 1); !errors.Is(err, runtime.ErrBadBuffer) && !errors.Is(err, runtime.ErrBadArguments) {
		t.Errorf("writing what is to be read: %v", err)
	}
	if err := s.Call(ctx, "gauss5x5", nil, b.Range(0, 100, runtime.Out), b.Range(50, 100, runtime.In), 10, 10, 10); !errors.Is(err, runtime.ErrBadBuffer) {
		t.Errorf("overlap: %v", err)
	}
	if err := s.Call(ctx, "sobel3x3", nil, b.Range(0, 100, runtime.Out), b.Range(200, 100, runtime.In), 10, uint64(math.MaxUint64), 10); err == nil {
		t.Error("a picture with 2^64-1 rows was accepted")
	}
	closed := e.alloc(t, e.Heap, size, "closed")
	if err := closed.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "sum", nil, closed.In()); err == nil {
		t.Error("a closed buffer was accepted")
	}
	other, err := runtime.New(runtime.Config{Board: e.Board})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := other.Alloc(ctx, runtime.AllocConfig{Heap: e.Heap, Size: 4096, Name: "foreign"})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "sum", nil, foreign.In()); !errors.Is(err, runtime.ErrForeign) {
		t.Errorf("buffer of another runtime: %v", err)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
	if err := s.Call(ctx, "sum", nil, b.In()); err != nil {
		t.Errorf("after the errors: %v", err)
	}
}

func testConcurrent(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const workers, rounds = 8, 40
	var wg sync.WaitGroup
	for w := range workers {
		data := pattern(1000 + 100*w)
		b := e.buffer(t, "worker", data)
		wg.Go(func() {
			for i := range rounds {
				off := int64(i * 7)
				var crc uint32
				if err := s.Call(ctx, "crc32c", &crc, b.Range(off, b.Size()-off, runtime.In)); err != nil || crc != functions.CRC32C(data[off:]) {
					t.Errorf("worker %d, round %d: %#x, %v", w, i, crc, err)
					return
				}
				var id uint64
				want := uint64(w)<<32 | uint64(i)
				if err := s.Call(ctx, "echo", &id, want); err != nil || id != want {
					t.Errorf("worker %d, round %d: echo %#x, %v", w, i, id, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// testWindow opens more calls than the window allows: the rest wait, nobody fails.
func testWindow(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	var wg sync.WaitGroup
	for i := range 3*s.Remote().Window + 5 {
		wg.Go(func() {
			var n uint64
			if err := s.Call(ctx, "sleep", nil, 1); err != nil {
				t.Errorf("sleep: %v", err)
			}
			if err := s.Call(ctx, "echo", &n, i); err != nil || n != uint64(i) {
				t.Errorf("echo of %d: %d, %v", i, n, err)
			}
		})
	}
	wg.Wait()
}

// testAddresses: poke and peek work on the address that the runtime says.
func testAddresses(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	b := e.buffer(t, "b", make([]byte, 4096))
	d, err := b.DeviceAddress(e.Processor, 64, 8)
	if err != nil {
		t.Fatal(err)
	}
	// A range as an argument hands the buffer over to the processor before the bare address is used.
	if err := s.Call(ctx, "fill", nil, b.Out(), 0x11); err != nil {
		t.Fatal(err)
	}
	if err := s.Call(ctx, "poke", nil, uint64(d), uint32(0xdecafbad), 2); err != nil {
		t.Fatal(err)
	}
	var word uint64
	if err := s.Call(ctx, "peek", &word, uint64(d)+4); err != nil || word != 0xdecafbad {
		t.Errorf("peek: %#x, %v", word, err)
	}
	p := read(t, b)
	for off, want := range map[int]uint32{60: 0x11111111, 64: 0xdecafbad, 68: 0xdecafbad, 72: 0x11111111} {
		if got := binary.LittleEndian.Uint32(p[off:]); got != want {
			t.Errorf("word at %d: %#x, want %#x", off, got, want)
		}
	}
	if e.Scattered != "" {
		// A kernel may find neighbouring pages by luck, the more so the less there is of it.
		var err error
		for size := int64(8 << 20); err == nil && size <= 128<<20; size *= 2 {
			big, e2 := e.rt.Alloc(ctx, runtime.AllocConfig{Heap: e.Scattered, Size: size, Name: "scattered"})
			if e2 != nil {
				t.Fatal(e2)
			}
			_, err = big.Address(e.Processor)
			if e2 := big.Close(); e2 != nil {
				t.Error(e2)
			}
		}
		if err != nil && !errors.Is(err, bufmap.ErrNotContiguous) {
			t.Errorf("scattered buffer: %v", err)
		}
		if err == nil && e.AlwaysScattered {
			t.Error("128 MiB of scattered pages count as contiguous")
		}
	}
	if e.OutOfReach != "" {
		far := e.alloc(t, e.OutOfReach, 4096, "far")
		if err := s.Call(ctx, "sum", nil, far.In()); !errors.Is(err, bufmap.ErrNoWindow) && !errors.Is(err, bufmap.ErrReach) {
			t.Errorf("buffer out of reach: %v", err)
		}
	}
}
