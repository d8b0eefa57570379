// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"math"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
)

func TestDevice(t *testing.T) {
	m, tab := NewMap(), &table{}
	target := must[*Target](t)(m.AddTarget("dsp0", testWindows(t), Chain{tab}))
	r := newRegion(t, 1<<20)
	r.next = 0x4000
	e := must[*Entry](t)(m.Add(r.buffer(t, 8192, 0)))
	if _, err := e.Device(target, 0, 1); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("before Attach: %v", err)
	}
	if fresh, err := e.Attach(target); err != nil || !fresh {
		t.Fatalf("%v, %v", fresh, err)
	}
	if fresh, err := e.Attach(target); err != nil || fresh || tab.live() != 1 {
		t.Fatalf("again: %v, %v, %d attachments", fresh, err, tab.live())
	}
	// The same index and generation in another map.
	other := must[*Target](t)(NewMap().AddTarget("dsp0", testWindows(t), nil))
	if d, err := e.Device(other, 0, 1); !errors.Is(err, os.ErrInvalid) || e.Attached(other) {
		t.Errorf("processor of another map: %v, %v", d, err)
	}
	const base, size = 0x1000_4000, 8192
	for _, c := range []struct {
		off, n int64
		ok     bool
	}{
		{0, size, true}, {size - 1, 1, true}, {size, 0, true}, {0, 0, true},
		{size - 1, 2, false}, {size, 1, false}, {2, math.MaxInt64, false}, {math.MaxInt64, 2, false},
		{-1, 1, false}, {0, -1, false}, {math.MinInt64, math.MinInt64, false}, {size + 1, 0, false},
	} {
		d, err := e.Device(target, c.off, c.n)
		if c.ok && (err != nil || d != base+DeviceAddr(c.off)) {
			t.Errorf("%d+%d: %v, %v", c.off, c.n, d, err)
		}
		if !c.ok && !errors.Is(err, dmabuf.ErrRange) {
			t.Errorf("%d+%d: %v, %v", c.off, c.n, d, err)
		}
	}
	if err := target.Renew(); err != nil {
		t.Fatal(err)
	}
	if _, err := e.Device(target, 0, 1); !errors.Is(err, ErrStale) || tab.live() != 0 {
		t.Errorf("after a restart: %v, %d attachments", err, tab.live())
	}
	if _, err := e.Attach(target); err != nil {
		t.Fatal(err)
	}
	if res, ok := e.Result(target); !ok || res.Provenance != "table" {
		t.Errorf("%+v, %v", res, ok)
	}
	if err := e.Detach(target); err != nil || e.Attached(target) || tab.live() != 0 {
		t.Errorf("Detach: %v, %d attachments", err, tab.live())
	}
	if _, err := e.Device(target, 0, 1); !errors.Is(err, os.ErrInvalid) || errors.Is(err, ErrStale) {
		t.Errorf("after Detach: %v", err)
	}
	if err := errors.Join(m.Close(), m.Close(), e.Close()); err != nil {
		t.Error(err)
	}
	if _, err := e.Attach(target); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Attach after Close: %v", err)
	}
	if _, err := m.Add(e.Buffer()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Add after Close: %v", err)
	}
	if _, err := m.AddTarget("x", testWindows(t), nil); !errors.Is(err, os.ErrClosed) {
		t.Errorf("AddTarget after Close: %v", err)
	}
	if err := e.Index(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("Index after Close: %v", err)
	}
}

func TestAttachRefuses(t *testing.T) {
	r := newRegion(t, 1<<20)
	b := r.buffer(t, 8192, 0)
	boom := errors.New("boom")
	for name, c := range map[string]struct {
		r    Result
		err  error
		want error
	}{
		"no window":      {Result{Phys: 0x7FFF_F000, Size: 8192}, nil, ErrNoWindow},
		"over its end":   {Result{Phys: 0xBFFF_F000, Size: 8192}, nil, ErrNoWindow},
		"above 4 GiB":    {Result{Phys: 0x1_8000_0000, Size: 8192}, nil, ErrNoWindow},
		"not contiguous": {Result{Phys: 0x8000_0000, Size: 4096}, nil, ErrNotContiguous},
		"an error":       {Result{}, boom, boom},
		"unsupported":    {Result{}, errors.ErrUnsupported, ErrNoTranslator},
	} {
		m, tab := NewMap(), &table{phys: func(*dmabuf.Buffer) (Result, error) { return c.r, c.err }}
		target := must[*Target](t)(m.AddTarget("dsp0", testWindows(t), Chain{tab}))
		e := must[*Entry](t)(m.Add(b))
		if _, err := e.Attach(target); !errors.Is(err, c.want) || !strings.Contains(err.Error(), b.Name()) {
			t.Errorf("%s: %v", name, err)
		}
		if tab.live() != 0 || e.Attached(target) {
			t.Errorf("%s: %d attachments left", name, tab.live())
		}
		m.Close()
	}
	m := NewMap()
	target := must[*Target](t)(m.AddTarget("dsp0", testWindows(t), nil))
	e := must[*Entry](t)(m.Add(b))
	if _, err := e.Attach(target); !errors.Is(err, ErrNoTranslator) {
		t.Errorf("no translators: %v", err)
	}
	if _, err := m.Add(nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("no buffer: %v", err)
	}
	other := must[*Target](t)(NewMap().AddTarget("dsp1", testWindows(t), Chain{&table{}}))
	if _, err := e.Attach(other); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("processor of another map: %v", err)
	}
	if _, err := e.Device(other, 0, 1); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("processor of another map: %v", err)
	}
	if err := e.Detach(other); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("processor of another map: %v", err)
	}
}

func TestManyTargets(t *testing.T) {
	m := NewMap()
	var targets []*Target
	for i := range MaxTargets {
		// Device addresses differ, and those of every third have more than 48 bits.
		w := Window{Name: "ddr", Phys: 0x8000_0000, Device: DeviceAddr(i+1) << 31, Size: 1 << 30}
		if i%3 == 0 {
			w.Device += 1 << 60
		}
		targets = append(targets, must[*Target](t)(m.AddTarget("dsp", must[Windows](t)(NewWindows(64, w)), Chain{&table{}})))
	}
	if _, err := m.AddTarget("one more", testWindows(t), nil); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("one more: %v", err)
	}
	r := newRegion(t, 1<<20)
	e := must[*Entry](t)(m.Add(r.buffer(t, 4096, 0)))
	for round := range 2 {
		for i, target := range targets {
			if _, err := e.Attach(target); err != nil {
				t.Fatal(err)
			}
			d, err := e.Device(target, 7, 1)
			if want := target.Windows().List()[0].Device + 7; err != nil || d != want {
				t.Errorf("round %d, target %d: %v, %v, want %v", round, i, d, err, want)
			}
		}
		for _, target := range targets {
			target.Renew()
			if _, err := e.Device(target, 0, 1); !errors.Is(err, ErrStale) {
				t.Errorf("after a restart: %v", err)
			}
		}
	}
}

func TestGenerationSkipsReserved(t *testing.T) {
	target := must[*Target](t)(NewMap().AddTarget("dsp0", testWindows(t), nil))
	target.generation.Store(0xFFFE)
	target.Renew()
	if g := target.Generation(); g != 0x1_0001 {
		t.Errorf("%#x", g)
	}
}

// Readers look up while others attach, restart, add and remove. An address is either the right one or refused.
func TestConcurrent(t *testing.T) {
	m, tab := NewMap(), &table{}
	r := newRegion(t, 1<<20)
	var targets []*Target
	for range 3 {
		targets = append(targets, must[*Target](t)(m.AddTarget("dsp", testWindows(t), Chain{tab})))
	}
	var entries []*Entry
	var buffers []*dmabuf.Buffer
	for range 8 {
		b := r.buffer(t, 8192, 0)
		buffers = append(buffers, b)
		entries = append(entries, must[*Entry](t)(m.Add(b)))
	}
	var readers, writers sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				for i, e := range entries {
					want := 0x1000_0000 + DeviceAddr(buffers[i].Inode()) + 3
					for _, target := range targets {
						d, err := e.Device(target, 3, 5)
						if err == nil && d != want {
							t.Errorf("%v, want %v", d, want)
						}
						if err != nil && !errors.Is(err, ErrStale) && !errors.Is(err, os.ErrInvalid) {
							t.Error(err)
						}
					}
				}
			}
		})
	}
	for w := range 3 {
		writers.Go(func() {
			extra := make([]*dmabuf.Buffer, 0, 1)
			if w == 0 {
				extra = append(extra, r.buffer(t, 4096, 0))
			}
			for i := range 300 {
				target := targets[(i+w)%len(targets)]
				e := entries[(i*7+w)%len(entries)]
				if _, err := e.Attach(target); err != nil {
					t.Error(err)
				}
				switch i % 10 {
				case w:
					if err := target.Renew(); err != nil {
						t.Error(err)
					}
				case w + 3:
					if err := e.Detach(target); err != nil {
						t.Error(err)
					}
				}
				for _, b := range extra {
					x, err := m.Add(b)
					if err != nil {
						t.Error(err)
						continue
					}
					if _, err := x.Attach(target); err != nil {
						t.Error(err)
					}
					if err := errors.Join(x.Index(), x.Close()); err != nil {
						t.Error(err)
					}
				}
			}
		})
	}
	writers.Wait()
	close(done)
	readers.Wait()
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if tab.live() != 0 || m.Len() != 0 {
		t.Errorf("%d attachments, %d entries left", tab.live(), m.Len())
	}
}

func TestCloseErrorsAreReported(t *testing.T) {
	m, tab := NewMap(), &table{closeErr: errors.New("boom")}
	target := must[*Target](t)(m.AddTarget("dsp0", testWindows(t), Chain{tab}))
	r := newRegion(t, 1<<20)
	e := must[*Entry](t)(m.Add(r.buffer(t, 4096, 0)))
	if _, err := e.Attach(target); err != nil {
		t.Fatal(err)
	}
	if err := target.Renew(); !errors.Is(err, tab.closeErr) {
		t.Errorf("Renew: %v", err)
	}
	if _, err := e.Attach(target); err != nil {
		t.Fatal(err)
	}
	if err := m.Close(); !errors.Is(err, tab.closeErr) || tab.live() != 0 {
		t.Errorf("Close: %v, %d attachments", err, tab.live())
	}
}

func TestLookupsDoNotAllocate(t *testing.T) {
	w := newWorld(t, 10)
	if n := testing.AllocsPerRun(100, func() {
		for i, e := range w.entries {
			if _, err := e.Device(w.targets[i%8], 1, 2); err != nil {
				t.Fatal(err)
			}
			if _, _, err := w.m.Find(w.pointers[i]); err != nil {
				t.Fatal(err)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
