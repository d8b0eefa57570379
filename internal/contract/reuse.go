// SPDX-License-Identifier: Apache-2.0

package contract

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/runtime"
)

// testNeeds: what is allocated by need is reached by the processor, and each heap has its verdict.
func testNeeds(t *testing.T, e *env) {
	ctx := e.ctx(t)
	c := runtime.AllocConfig{Size: 3 * 4096, Name: "need", For: []string{e.Processor}, Contiguous: true, CPU: runtime.CPUReads}
	verdicts, err := e.rt.Explain(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	verdict := func(name string) runtime.HeapVerdict {
		i := slices.IndexFunc(verdicts, func(v runtime.HeapVerdict) bool { return v.Heap == name })
		if i < 0 {
			t.Fatalf("no verdict on %q: %v", name, verdicts)
		}
		return verdicts[i]
	}
	if !verdict(e.Heap).Suits {
		t.Errorf("%v", verdict(e.Heap))
	}
	for _, name := range []string{e.OnChip, e.Scattered, e.OutOfReach, e.Secure} {
		if name != "" && (verdict(name).Suits || len(verdict(name).Reasons) == 0) {
			t.Errorf("%v", verdict(name))
		}
	}
	b, err := e.rt.Alloc(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := b.Address(e.Processor); err != nil || b.Heap() != verdicts[0].Heap {
		t.Errorf("%v at %+v, first choice %v: %v", b, a, verdicts[0], err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if e.OutOfReach != "" {
		far := runtime.AllocConfig{Size: 4096, Heap: e.OutOfReach, For: []string{e.Processor}}
		if _, err := e.rt.Alloc(ctx, far); !errors.Is(err, runtime.ErrNoHeap) {
			t.Errorf("out of reach: %v", err)
		}
		far.Fallback = true
		b, err := e.rt.Alloc(ctx, far)
		if err != nil {
			t.Fatal(err)
		}
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	chip, err := e.rt.Alloc(ctx, runtime.AllocConfig{Size: 4096, OnChip: runtime.OnChipRequired, For: []string{e.Processor}})
	if err != nil {
		t.Fatal(err)
	}
	if chip.Heap() != e.OnChip {
		t.Errorf("on-chip memory from %v", chip)
	}
	if err := chip.Close(); err != nil {
		t.Error(err)
	}
}

// testReuse hands memory from owner to owner, with the processor and the CPU writing into it in turn. What one wrote is
// never seen by the next, neither by the CPU nor by the processor.
func testReuse(t *testing.T, e *env) {
	s := e.start(t)
	ctx := e.ctx(t)
	const size = 5 * 4096
	var zeros [size]byte
	before := e.rt.Stats().Memory
	for i := range 20 {
		b, err := e.rt.Alloc(ctx, runtime.AllocConfig{Heap: e.Heap, Size: size, Name: string(rune('a' + i%3))})
		if err != nil {
			t.Fatal(err)
		}
		var sum uint64
		look := func() {
			t.Helper()
			if !bytes.Equal(read(t, b), zeros[:]) {
				t.Fatalf("round %d: the CPU sees an earlier owner's bytes", i)
			}
		}
		if i%2 == 0 {
			look()
		}
		if err := s.Call(ctx, "sum", &sum, b.In()); err != nil || sum != functions.Sum(zeros[:]) {
			t.Fatalf("round %d: the processor sums %d, want %d: %v", i, sum, functions.Sum(zeros[:]), err)
		}
		if i%2 == 1 {
			look()
		}
		if i%3 == 0 {
			if _, err := b.WriteAt(pattern(size), 0); err != nil {
				t.Fatal(err)
			}
		}
		if i%4 != 3 {
			if err := s.Call(ctx, "fill", nil, b.Range(100, size-200, runtime.Out), 0xee); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.rt.Stats().Memory.Reused - before.Reused; n < 19 {
		t.Errorf("%d of 20 buffers were reused", n)
	}
}

// testReuseRestart: memory that rests over a restart of the processor is attached anew.
func testReuseRestart(t *testing.T, e *env) {
	ctx := e.ctx(t)
	for i := range 3 {
		s := e.start(t)
		b, err := e.rt.Alloc(ctx, runtime.AllocConfig{Heap: e.Heap, Size: 8192, Name: "b"})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Call(ctx, "fill", nil, b.Out(), i+1); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(read(t, b), bytes.Repeat([]byte{byte(i + 1)}, 8192)) {
			t.Errorf("run %d: what the processor wrote is not there", i)
		}
		if err := errors.Join(b.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if n := e.rt.Stats().Memory.Reused; n < 2 {
		t.Errorf("%d of 3 buffers were reused", n)
	}
}

// testReuseQuarantine: memory that the remote may still write to does not rest.
func testReuseQuarantine(t *testing.T, e *env) {
	s := e.start(t)
	// Closed while a call has it: it rests when the call has ended, not before.
	b, err := e.rt.Alloc(e.ctx(t), runtime.AllocConfig{Heap: e.Heap, Size: 1 << 20, Name: "b"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(e.ctx(t))
	defer cancel()
	done, sent := make(chan error, 1), e.rt.Stats().BytesSent
	go func() { done <- s.Call(ctx, "fill", nil, b.Out(), 5) }()
	for e.rt.Stats().BytesSent == sent && t.Context().Err() == nil {
	}
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	c, err := e.rt.Alloc(e.ctx(t), runtime.AllocConfig{Heap: e.Heap, Size: 1 << 20, Name: "c"})
	if err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if p := read(t, c); bytes.Count(p, []byte{0}) != len(p) {
		t.Error("the call wrote into memory of another buffer")
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// testWait: a bracket that waits for a call gets what the call wrote; one on a quarantined buffer does not wait.
func testWait(t *testing.T, e *env) {
	s := e.start(t)
	b := e.alloc(t, e.Heap, 1<<20, "b")
	for i := range 5 {
		sent := e.rt.Stats().BytesSent
		done := make(chan error, 1)
		go func() { done <- s.Call(e.ctx(t), "fill", nil, b.Out(), i+1) }()
		for e.rt.Stats().BytesSent == sent && t.Context().Err() == nil {
		}
		if err := b.ViewContext(e.ctx(t), dmabuf.Read, func(p []byte) error {
			if bytes.Count(p, []byte{byte(i + 1)}) != len(p) {
				t.Errorf("round %d: the bracket opened before the call had ended", i)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	over, cancel := context.WithCancel(e.ctx(t))
	cancel()
	if err := b.BeginContext(over, dmabuf.Read); !errors.Is(err, context.Canceled) {
		t.Errorf("with an ended context: %v", err)
	}
	if err := b.BeginContext(e.ctx(t), 0); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("for nothing: %v", err)
	}
}

// testImport takes a buffer out by its descriptor and in again, and has the processor work on it.
func testImport(t *testing.T, e *env) {
	a := e.buffer(t, "a", pattern(8192))
	fd, err := a.DMABuf().FD()
	if errors.Is(err, errors.ErrUnsupported) {
		return // the board's buffers have no descriptors
	}
	if err != nil {
		t.Fatal(err)
	}
	dup, err := duplicate(fd)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.rt.Import(dup, "imported")
	if err != nil {
		t.Fatal(err)
	}
	s := e.start(t)
	var sum uint64
	if err := s.Call(e.ctx(t), "sum", &sum, b.In()); err != nil || sum != functions.Sum(pattern(8192)) {
		t.Errorf("sum %d: %v", sum, err)
	}
	if err := s.Call(e.ctx(t), "fill", nil, b.Out(), 3); err != nil {
		t.Fatal(err)
	}
	if p := read(t, b); bytes.Count(p, []byte{3}) != len(p) {
		t.Error("the CPU does not see what the processor wrote")
	}
	rests := e.rt.Stats().Memory.Resting
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	if n := e.rt.Stats().Memory.Resting; n != rests {
		t.Errorf("imported memory rests: %d bytes, %d before", n, rests)
	}
	for _, bad := range []int{-1, 1 << 30} {
		if _, err := e.rt.Import(bad, ""); err == nil {
			t.Errorf("descriptor %d was imported", bad)
		}
	}
}

// testPools: pools of a second runtime on the board, of memory that is attached from the start.
func testPools(t *testing.T, e *env) {
	rt, err := runtime.New(runtime.Config{Board: e.Board, DDR: e.Heap, MSMC: e.OnChip, Pools: []runtime.PoolConfig{
		{Size: 8192, Count: 2, For: []string{e.Processor}}, {Heap: e.OnChip, Size: 4096, Count: 1},
	}})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	}()
	for range 3 {
		var list []*runtime.Buffer
		for range 3 {
			b, err := rt.AllocPool(100, "frame")
			if err != nil {
				t.Fatal(err)
			}
			if a, err := b.Address(e.Processor); err != nil || a.Device == 0 {
				t.Errorf("%+v: %v", a, err)
			}
			if p := read(t, b); bytes.Count(p, []byte{0}) != len(p) {
				t.Error("a pool's buffer is not zero")
			}
			if _, err := b.WriteAt([]byte{1, 2, 3}, 0); err != nil {
				t.Fatal(err)
			}
			list = append(list, b)
		}
		if _, err := rt.AllocPool(100, "frame"); !errors.Is(err, runtime.ErrNoMemory) {
			t.Errorf("a fourth of three: %v", err)
		}
		for _, b := range list {
			if err := b.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

// duplicate makes a second descriptor, which the caller owns.
func duplicate(fd int) (int, error) {
	f := sys.Own(fd, "borrowed")
	dup, err := f.Dup()
	if _, e := f.Disown(); e != nil || err != nil {
		return -1, errors.Join(err, e)
	}
	return dup.Disown()
}
