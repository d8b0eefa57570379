// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

func inject(t *testing.T, b *Board, processor string, f Fault) {
	t.Helper()
	if err := b.Inject(processor, f); err != nil {
		t.Fatal(err)
	}
}

// answers collects what comes until nothing does for a minute of simulated time: ids, "lost" ids are not among them.
func (h *host) answers() (ids []uint32) {
	h.t.Helper()
	for {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		n, err := h.conn.Recv(ctx, h.buf[:])
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return ids
		}
		if err != nil {
			h.t.Fatal(err)
		}
		m, _, err := wire.Parse(h.buf[:n])
		if err != nil {
			ids = append(ids, math.MaxUint32)
			continue
		}
		ids = append(ids, m.ID)
	}
}

// TestInjectMessages: three calls of sum with ids 2, 3 and 4, of which the second is disturbed.
func TestInjectMessages(t *testing.T) {
	const bad = math.MaxUint32
	for _, tt := range []struct {
		f    Fault
		want []uint32
	}{
		{Fault{Kind: Drop}, []uint32{2, 4}},
		{Fault{Kind: Drop, ToHost: true}, []uint32{2, 4}},
		{Fault{Kind: Drop, Count: 2}, []uint32{2}},
		{Fault{Kind: Drop, Count: -1}, []uint32{2}},
		{Fault{Kind: Duplicate}, []uint32{2, 3, 3, 4}},
		{Fault{Kind: Duplicate, ToHost: true}, []uint32{2, 3, 3, 4}},
		{Fault{Kind: Reorder}, []uint32{2, 4, 3}},
		{Fault{Kind: Reorder, ToHost: true}, []uint32{2, 4, 3}},
		{Fault{Kind: Delay, Delay: time.Second}, []uint32{2, 4, 3}},
		{Fault{Kind: Delay, Delay: time.Second, ToHost: true}, []uint32{2, 4, 3}},
		{Fault{Kind: Corrupt}, []uint32{2, 4}},                      // the processor drops it
		{Fault{Kind: Corrupt, ToHost: true}, []uint32{2, bad, 4}},   // the host cannot read it
		{Fault{Kind: Truncate}, []uint32{2, 3, 4}},                  // an error comes: the id could be read
		{Fault{Kind: Truncate, ToHost: true}, []uint32{2, bad, 4}},  //
		{Fault{Kind: UnknownID}, []uint32{2, 3 ^ 1<<31, 4}},         //
		{Fault{Kind: Stall, Delay: time.Second}, []uint32{2, 3, 4}}, // only later
		{Fault{Kind: Drop, Method: "crc32c"}, []uint32{2, 3, 4}},    // another method
		{Fault{Kind: Drop, Method: "crc32c", ToHost: true}, []uint32{2, 3, 4}},
	} {
		t.Run(fmt.Sprintf("%v to host %v %s %d", tt.f.Kind, tt.f.ToHost, tt.f.Method, tt.f.Count), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := dial(t, newBoard(t, Config{}), "dsp0")
				if tt.f.Method == "" {
					tt.f.Method = "sum"
				}
				tt.f.Skip = 1
				inject(t, h.b, "dsp0", tt.f)
				for range 3 {
					h.send(h.request("sum", []byte{1}))
				}
				if got := h.answers(); !slices.Equal(got, tt.want) {
					t.Errorf("%v, want %v", got, tt.want)
				}
				if tt.f.Count >= 0 && tt.f.Method == "sum" && h.b.faults.active.Load() {
					t.Error("the fault is still armed")
				}
			})
		})
	}
}

// TestReorderFlush: a message that nothing follows is late, not lost.
func TestReorderFlush(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		inject(t, h.b, "dsp0", Fault{Kind: Reorder})
		began := time.Now()
		h.uint("sum", []byte{1})
		if d := time.Since(began); d != reorderFlush {
			t.Errorf("after %v", d)
		}
		inject(t, h.b, "dsp0", Fault{Kind: Reorder})
		h.send(h.request("sum", []byte{1}))
		h.send(h.request("sum", []byte{2}))
		h.recv()
		h.recv()
		if d := time.Since(began); d != reorderFlush {
			t.Errorf("the one that was overtaken came %v later", d-reorderFlush)
		}
	})
}

func TestInjectCrashes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		for i, method := range []string{"sum", "sleep"} {
			arg := any([]byte{1})
			if method == "sleep" {
				arg = 10
			}
			inject(t, h.b, "dsp0", Fault{Kind: CrashBefore, Method: method})
			h.send(h.request(method, arg))
			if _, err := h.conn.Recv(t.Context(), h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) || !strings.Contains(err.Error(), "before "+method) {
				t.Errorf("before %s: %v", method, err)
			}
			h.redial()
			inject(t, h.b, "dsp0", Fault{Kind: CrashAfter, Method: method})
			if m := h.call(method, arg); m.Code != 0 {
				t.Errorf("after %s: %v", method, m.Code)
			}
			if _, err := h.conn.Recv(t.Context(), h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) || !strings.Contains(err.Error(), "after "+method) {
				t.Errorf("after %s: %v", method, err)
			}
			h.redial()
			if n := h.b.Stats().Crashes; n != int64(2*i+2) {
				t.Errorf("%d crashes", n)
			}
		}
		// crash(1) answers before it crashes, every time, and at once when the answer was taken.
		began := time.Now()
		for range 20 {
			if m := h.call("crash", 1); m.Code != 0 {
				t.Fatal(m.Code)
			}
			if _, err := h.conn.Recv(t.Context(), h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) {
				t.Fatal(err)
			}
			h.redial()
		}
		if d := time.Since(began); d != 0 {
			t.Errorf("the crashes came late: %v", d)
		}
		inject(t, h.b, "dsp0", Fault{Kind: Hang, Method: "sum"})
		h.send(h.request("sum", []byte{1}))
		if got := h.answers(); len(got) != 0 {
			t.Errorf("hung and answered %v", got)
		}
	})
}

func TestInjectMemory(t *testing.T) {
	b := newBoard(t, Config{})
	h := &host{t: t, b: b, p: processor(t, b, "dsp0")}
	inject(t, b, "", Fault{Kind: NoMemory, Heap: "ddr", Skip: 2})
	for i := range 5 {
		h.alloc("msmc", 4096)
		d, err := b.Alloc(t.Context(), "ddr", 4096, "x")
		if (i == 2) != errors.Is(err, syscall.ENOMEM) || i != 2 && err != nil {
			t.Errorf("allocation %d: %v", i, err)
		}
		if err == nil {
			d.Close()
		}
	}
	inject(t, b, "dsp0", Fault{Kind: NoAttach})
	d := h.alloc("ddr", 4096)
	r, err := processor(t, b, "core0").Translators().Translate(d)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Attachment.Close()
	if _, err := h.p.Translators().Translate(d); !errors.Is(err, syscall.ENOMEM) || errors.Is(err, bufmap.ErrNoTranslator) {
		t.Error(err)
	}
	h.attach(d, 1)
}

// TestRandomFaults: the same seed gives the same answers, another one others.
func TestRandomFaults(t *testing.T) {
	run := func(seed uint64) (out []uint32, dropped int64) {
		synctest.Test(t, func(t *testing.T) {
			b := newBoard(t, Config{Faults: Faults{Seed: seed, Drop: 0.1, Duplicate: 0.1, Reorder: 0.1, Delay: 0.1, Corrupt: 0.1, Truncate: 0.1, MaxDelay: 50 * time.Millisecond}})
			c := dialRaw(t, b, "dsp0")
			for i := range 300 {
				if err := c.Send(t.Context(), binary.LittleEndian.AppendUint32(nil, uint32(i))); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Millisecond)
			}
			buf := make([]byte, mtu)
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				n, err := c.Recv(ctx, buf)
				cancel()
				if err != nil {
					break
				}
				v := uint32(1 << 31)
				if n == 4 {
					v = binary.LittleEndian.Uint32(buf)
				}
				out = append(out, v)
			}
			dropped = b.Stats().Dropped
		})
		return out, dropped
	}
	a, da := run(1)
	b, db := run(1)
	c, _ := run(2)
	if !slices.Equal(a, b) || da != db {
		t.Errorf("seed 1 gave %d and %d answers, %d and %d dropped", len(a), len(b), da, db)
	}
	if slices.Equal(a, c) {
		t.Error("seeds 1 and 2 give the same")
	}
	if da == 0 || slices.IsSorted(a) || slices.Equal(slices.Compact(slices.Clone(a)), a) {
		t.Errorf("nothing was disturbed: %v", a)
	}
}

func TestFaultsRefused(t *testing.T) {
	for _, f := range []Faults{{Drop: -0.1}, {Delay: 1.1}, {Corrupt: math.NaN()}, {MaxDelay: -1}} {
		if b, err := New(Config{Faults: f}); err == nil {
			b.Close()
			t.Errorf("%+v was accepted", f)
		}
	}
	b := newBoard(t, Config{})
	for _, tt := range []struct {
		p string
		f Fault
	}{{"dsp0", Fault{}}, {"nobody", Fault{Kind: Drop}}, {"", Fault{Kind: Drop}}, {"dsp0", Fault{Kind: 99}}, {"dsp0", Fault{Kind: Drop, Skip: -1}},
		{"dsp0", Fault{Kind: Delay, Delay: -1}}, {"", Fault{Kind: NoMemory, Heap: "nowhere"}}} {
		if err := b.Inject(tt.p, tt.f); err == nil {
			t.Errorf("%q %+v was accepted", tt.p, tt.f)
		}
	}
	if err := b.Crash("nobody", ""); err == nil {
		t.Error("crash of nobody")
	}
}
