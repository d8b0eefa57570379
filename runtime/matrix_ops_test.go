// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"os"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/subbuf"
)

// The operations of the fault matrix: each makes its calls, looks at what they say, and gives back what it took.

func (f *field) call() {
	for i := range 3 {
		var n int
		err := f.timed("echo", func(ctx context.Context) error { return f.s.Call(ctx, "echo", &n, i) })
		if err == nil && n != i {
			f.Errorf("echo of %d: %d", i, n)
		}
	}
}

func (f *field) future() {
	const calls = 4
	var results [calls]int
	var futures [calls]*runtime.Future
	_ = f.timed("futures", func(ctx context.Context) error {
		for i := range futures {
			futures[i] = f.s.Go(ctx, "echo", &results[i], 100+i)
		}
		for i, x := range futures {
			err := x.Wait()
			f.check("future", err)
			if err == nil && results[i] != 100+i {
				f.Errorf("future %d: %d", i, results[i])
			}
			if again := x.Wait(); again != err {
				f.Errorf("waited again: %v, it was %v", again, err)
			}
		}
		return nil
	})
}

func (f *field) batch() {
	const calls = 5
	results := [calls]int{-1, -1, -1, -1, -1}
	b := f.s.NewBatch()
	for i := range results {
		b.Add("echo", &results[i], i)
	}
	err := f.timed("batch", b.Do)
	failed := 0
	for i, n := range results {
		switch n {
		case i:
		case -1:
			failed++
		default:
			f.Errorf("call %d of the batch: %d", i, n)
		}
	}
	if (err != nil) != (failed > 0) {
		f.Errorf("%d calls of the batch have no result: %v", failed, err)
	}
}

func (f *field) spilled() {
	data := make([]byte, 5000)
	want := uint64(0)
	for i := range data {
		data[i] = byte(i * 7)
		want += uint64(data[i])
	}
	for range 2 {
		var n uint64
		err := f.timed("sum", func(ctx context.Context) error { return f.s.Call(ctx, "sum", &n, data) })
		if err == nil && n != want {
			f.Errorf("sum: %d, not %d", n, want)
		}
	}
	f.probe(8192)
}

// alloc allocates and fills a buffer. It returns nil where the row makes that fail.
func (f *field) alloc(name string, size int64) *runtime.Buffer {
	var b *runtime.Buffer
	err := f.timed("allocating", func(ctx context.Context) (err error) {
		b, err = f.rt.Alloc(ctx, runtime.AllocConfig{Size: size, Name: name})
		return err
	})
	if err != nil {
		return nil
	}
	if _, err := b.WriteAt(pattern(size), 0); err != nil {
		f.Fatal(err)
	}
	return b
}

func pattern(n int64) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*13 + i>>8)
	}
	return p
}

// give closes a buffer that a call had, and remembers its place if the remote still has it.
func (f *field) give(b *runtime.Buffer, phys bufmap.PhysAddr) {
	if err := b.Begin(dmabuf.Read); errors.Is(err, runtime.ErrQuarantined) {
		f.ranges = append(f.ranges, phys)
	} else if err == nil {
		if err := b.End(dmabuf.Read); err != nil {
			f.Error(err)
		}
	} else {
		f.Errorf("bracket after a call: %v", err)
	}
	if err := b.Close(); err != nil {
		f.Error(err)
	}
}

func (f *field) phys(b *runtime.Buffer) bufmap.PhysAddr {
	a, err := b.Address("dsp0")
	for errors.Is(err, bufmap.ErrStale) { // a restart came between the two halves of it
		a, err = b.Address("dsp0")
	}
	f.check("address", err)
	return a.Phys
}

func (f *field) buffer() {
	for i := range 3 {
		b := f.alloc("out", region)
		if b == nil {
			continue
		}
		phys := f.phys(b)
		var n uint64
		err := f.timed("fill", func(ctx context.Context) error {
			return f.s.Call(ctx, "fill", &n, b.Range(0, region/2, runtime.Out), 0xa0+i)
		})
		if err == nil {
			p := make([]byte, region)
			if _, err := b.ReadAt(p, 0); err != nil {
				f.Error(err)
			}
			for k, v := range p {
				if k < region/2 && v != byte(0xa0+i) || k >= region/2 && v != byte(k*13+k>>8) {
					f.Fatalf("byte %d after fill: %#x", k, v)
				}
			}
		}
		f.give(b, phys)
		f.probe(region)
	}
}

func (f *field) sub() {
	parent := f.alloc("parent", 4*region)
	if parent == nil {
		return
	}
	for i := range 2 {
		var s *runtime.Sub
		err := f.timed("sub-buffer", func(ctx context.Context) (err error) {
			s, err = parent.Sub(ctx, runtime.SubConfig{Region: subbuf.Range{Offset: region + 100, Size: region}, Access: dmabuf.ReadWrite, Mode: subbuf.Copy, Name: "part"})
			return err
		})
		if err != nil {
			continue
		}
		phys := f.phys(s.Buffer())
		err = f.timed("fill", func(ctx context.Context) error { return f.s.Call(ctx, "fill", nil, s.InOut(), 0xb0+i) })
		if err == nil {
			if err := s.Commit(); err != nil {
				f.Error(err)
			}
			p := make([]byte, 4*region)
			if _, err := parent.ReadAt(p, 0); err != nil {
				f.Error(err)
			}
			inside := func(k int) bool { return k >= region+100 && k < 2*region+100 }
			for k, v := range p {
				if inside(k) && v != byte(0xb0+i) || !inside(k) && v != byte(k*13+k>>8) {
					f.Fatalf("byte %d of the parent after fill: %#x", k, v)
				}
			}
		} else if e := s.Buffer().Begin(dmabuf.Read); errors.Is(e, runtime.ErrQuarantined) {
			f.ranges = append(f.ranges, phys)
		} else if e == nil {
			if e := s.Buffer().End(dmabuf.Read); e != nil {
				f.Error(e)
			}
		}
		if err := s.Close(); err != nil {
			f.Error(err)
		}
		if err != nil {
			break // the parent may or may not have been changed by a commit that came before
		}
	}
	if err := parent.Close(); err != nil {
		f.Error(err)
	}
	f.probe(region)
}

// probe allocates much and looks that none of it is where the remote may write. Only where a restart cannot have ended that.
func (f *field) probe(size int64) {
	if !f.d.held || len(f.ranges) == 0 {
		return
	}
	for range 40 {
		b, err := f.rt.Alloc(f.Context(), runtime.AllocConfig{Size: size, Name: "next owner"})
		if err != nil {
			f.Error(err)
			return
		}
		defer func() {
			if err := b.Close(); err != nil {
				f.Error(err)
			}
		}()
		at := f.phys(b)
		for _, p := range f.ranges {
			if at < p+region && p < at+bufmap.PhysAddr(size) {
				f.Errorf("memory at %v was handed out although the remote may write to %v", at, p)
			}
		}
	}
}

func (f *field) stream() {
	const ticks = 20
	var n uint64
	err := f.timed("stream", func(ctx context.Context) error { return f.s.Call(ctx, "stream", &n, ticks) })
	if err == nil && n != ticks {
		f.Errorf("stream: %d", n)
	}
	f.settle(50 * time.Millisecond)
	seen := map[uint64]int{}
	last := -1
	for more := true; more; {
		select {
		case x := <-f.s.Notifications():
			var i uint64
			if e := x.Decode(&i); e != nil || x.Method != "tick" || i >= ticks {
				f.Errorf("notification %q %d, %v", x.Method, i, e)
			}
			if !f.d.unruly && int(i) <= last {
				f.Errorf("notification %d after %d", i, last)
			}
			last = int(i)
			seen[i]++
		default:
			more = false
		}
	}
	if f.d.answered && len(seen) != ticks {
		f.Errorf("%d of %d notifications came", len(seen), ticks)
	}
	if err == nil && len(seen) < ticks-1 {
		f.Errorf("%d of %d notifications came, one may be lost", len(seen), ticks)
	}
}

func (f *field) open() {
	f.disturb()
	err := f.timed("start", func(ctx context.Context) (err error) {
		f.s, err = f.rt.Start(ctx, f.config())
		return err
	})
	if (err == nil) != (f.s != nil) {
		f.Fatalf("session %v, error %v", f.s, err)
	}
	if err != nil {
		// Nothing of it is left, so the next one works.
		p, e := f.board.Processor("dsp0")
		if e != nil {
			f.Fatal(e)
		}
		f.settle(50 * time.Millisecond) // a recovery that is under way
		if state, e := p.Remoteproc().State(); e != nil || state != "offline" {
			f.Errorf("state after a session that could not be opened: %v, %v", state, e)
		}
		c := f.config()
		if f.s, err = f.rt.Start(f.Context(), c); err != nil {
			f.Fatalf("the next session: %v", err)
		}
	}
}

// close closes the session with calls in flight.
func (f *field) close() {
	b := f.alloc("in flight", region)
	errs := make(chan error, 3)
	n := 0
	fly := func(method string, args ...any) {
		n++
		go func() {
			errs <- f.timed(method, func(ctx context.Context) error {
				if err := f.s.Call(ctx, method, nil, args...); !errors.Is(err, os.ErrClosed) {
					return err
				}
				return nil
			})
		}()
	}
	fly("sleep", 30)
	fly("echo", 1)
	if b != nil {
		fly("fill", b.Out(), 1)
	}
	if f.step%2 == 0 {
		synctest.Wait() // else they are on their way when the session closes
	}
	began := time.Now()
	if err := f.s.Close(); err != nil {
		f.Errorf("close: %v", err)
	}
	if took := time.Since(began); took > 12*time.Second {
		f.Errorf("close took %v", took)
	}
	for range n {
		<-errs
	}
	if b != nil {
		if err := b.View(dmabuf.ReadWrite, func([]byte) error { return nil }); err != nil {
			f.Errorf("buffer after the session: %v", err)
		}
		if err := b.Close(); err != nil {
			f.Error(err)
		}
	}
	f.s = nil
}
