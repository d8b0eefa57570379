// SPDX-License-Identifier: Apache-2.0

package sim

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/rpmsg"
)

// step is one access to an attribute: a write, or with read a read that must give value.
type step struct {
	attr, value string
	read        bool
	want        error
}

func w(attr, value string, want error) step { return step{attr, value, false, want} }
func r(attr, value string) step             { return step{attr, value, true, nil} }

// TestAttributes is the table of drivers/remoteproc/remoteproc_sysfs.c.
func TestAttributes(t *testing.T) {
	const crash = "crash" // not an attribute: the processor crashes
	for _, tt := range []struct {
		name  string
		steps []step
	}{
		{"new", []step{r("state", "offline"), r("firmware", "dsp0-functions.elf"), r("name", "remoteproc0 (64800000.dsp)"), r("recovery", "enabled"), r("coredump", "disabled")}},
		{"stop when offline", []step{w("state", "stop", syscall.EINVAL), r("state", "offline")}},
		{"start and stop", []step{w("state", "start", nil), r("state", "running"), w("state", "stop", nil), r("state", "offline")}},
		{"newline", []step{w("state", "start\n", nil), r("state", "running")}},
		{"start is counted", []step{w("state", "start", nil), w("state", "start", nil), w("state", "stop", nil), r("state", "running"), w("state", "stop", nil), r("state", "offline")}},
		{"unknown word", []step{w("state", "go", syscall.EINVAL), w("state", "", syscall.EINVAL), w("state", "detach", syscall.EINVAL)}},
		{"firmware while running", []step{w("state", "start", nil), w("firmware", "other.elf", syscall.EBUSY), r("firmware", "dsp0-functions.elf")}},
		{"firmware", []step{w("firmware", "", syscall.EINVAL), w("firmware", "\n", syscall.EINVAL), w("firmware", "other.elf\n", nil), r("firmware", "other.elf")}},
		{"no such firmware", []step{w("firmware", "none.elf", nil), w("state", "start", syscall.ENOENT), r("state", "offline"), w("state", "stop", syscall.EINVAL)}},
		{"name", []step{w("name", "x", syscall.EACCES)}},
		{"no such attribute", []step{w("nothing", "x", syscall.ENOENT)}},
		{"recovery", []step{w("recovery", "disabled", nil), r("recovery", "disabled"), w("recovery", "maybe", syscall.EINVAL), w("recovery", "recover", nil), r("recovery", "disabled"), w("recovery", "enabled", nil), r("recovery", "enabled")}},
		{"coredump", []step{w("coredump", "inline", nil), r("coredump", "inline"), w("coredump", "default", syscall.EINVAL)}},
		{"crash, recovery disabled", []step{w("recovery", "disabled", nil), w("state", "start", nil), w(crash, "", nil), r("state", "crashed"),
			w("coredump", "enabled", syscall.EBUSY), w("firmware", "x", syscall.EBUSY),
			w("state", "start", nil), r("state", "crashed"), // counts and does nothing
			w("state", "stop", nil), r("state", "crashed"), w("state", "stop", nil), r("state", "offline")}},
		{"crash, recover", []step{w("recovery", "disabled", nil), w("state", "start", nil), w(crash, "", nil), w("recovery", "recover", nil), r("state", "running"), r("recovery", "disabled"), w("state", "stop", nil), r("state", "offline")}},
		{"crash, recovery enabled later", []step{w("recovery", "disabled", nil), w("state", "start", nil), w(crash, "", nil), w("recovery", "enabled", nil), r("state", "running")}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBoard(t, Config{})
			a := attributes{processor(t, b, "dsp0")}
			for i, s := range tt.steps {
				switch {
				case s.attr == crash:
					if err := b.Crash("dsp0", "test"); err != nil {
						t.Fatal(err)
					}
				case s.read:
					if got, err := a.ReadAttr(s.attr); err != nil || got != s.value {
						t.Errorf("step %d: %s is %q, %v, want %q", i, s.attr, got, err, s.value)
					}
				default:
					if err := a.WriteAttr(s.attr, s.value); !errors.Is(err, s.want) {
						t.Errorf("step %d: %s = %q: %v, want %v", i, s.attr, s.value, err, s.want)
					}
				}
			}
			if _, err := a.ReadAttr("nothing"); !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		})
	}
}

func TestBadFirmware(t *testing.T) {
	good, err := Firmware(FirmwareConfig{})
	if err != nil {
		t.Fatal(err)
	}
	img, err := firmware.Parse(good)
	if err != nil {
		t.Fatal(err)
	}
	table, err := img.ResourceTable()
	if err != nil {
		t.Fatal(err)
	}
	build := func(change func(b *firmware.Builder)) []byte {
		t.Helper()
		b := firmware.Builder{Machine: img.Machine, Entry: img.Entry, Segments: img.Segments[:1], Notes: img.Notes,
			Table: &firmware.ResourceTable{Entries: slices.Clone(table.Entries)}, TableAddress: img.Table.Address}
		change(&b)
		out, err := b.Build()
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	other := func(c FirmwareConfig) []byte {
		t.Helper()
		out, err := Firmware(c)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	for _, tt := range []struct {
		name  string
		image []byte
		want  error
	}{
		{"good", build(func(*firmware.Builder) {}), nil},
		{"empty", nil, syscall.EINVAL},
		{"garbage", []byte(strings.Repeat("garbage ", 100)), syscall.EINVAL},
		{"truncated", good[:len(good)/2], syscall.EINVAL},
		{"no table", build(func(b *firmware.Builder) { b.Table = nil }), syscall.EINVAL},
		{"bad table", build(func(b *firmware.Builder) { b.TableData = []byte(strings.Repeat("x", 64)) }), syscall.EINVAL},
		{"no note", build(func(b *firmware.Builder) { b.Notes = nil }), syscall.EINVAL},
		{"segment outside", build(func(b *firmware.Builder) {
			b.Segments = append(slices.Clone(b.Segments), firmware.Segment{Address: 0x1000, Data: []byte{1}})
		}), syscall.EINVAL},
		{"carveout outside", build(func(b *firmware.Builder) {
			b.Table.Entries = append(b.Table.Entries, &firmware.Carveout{DeviceAddress: 0x9000_0000, Length: 4096})
		}), syscall.ENOMEM},
		{"carveout too large", build(func(b *firmware.Builder) {
			b.Table.Entries = append(b.Table.Entries, &firmware.Carveout{DeviceAddress: firmware.AddrAny, Length: 15 << 20})
		}), syscall.ENOMEM},
		{"wrong machine", other(FirmwareConfig{Machine: firmware.MachineARM}), syscall.EINVAL},
		{"wrong class", other(FirmwareConfig{Class: firmware.Class64}), syscall.EINVAL},
		{"no such program", other(FirmwareConfig{Program: "nothing"}), syscall.EINVAL},
		{"linked elsewhere", other(FirmwareConfig{Base: 0x4000_0000}), syscall.ENOMEM},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := processor(t, newBoard(t, Config{}), "dsp0")
			ctx := t.Context()
			name, err := p.Install("test.elf", tt.image)
			if err != nil {
				t.Fatal(err)
			}
			if err := p.Remoteproc().SetFirmware(ctx, name); err != nil {
				t.Fatal(err)
			}
			if err := p.Remoteproc().Start(ctx); !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			state, err := p.Remoteproc().State()
			if want := map[bool]firmware.State{true: firmware.StateRunning, false: firmware.StateOffline}[tt.want == nil]; err != nil || state != want {
				t.Errorf("state %v, %v, want %v", state, err, want)
			}
		})
	}
}

func TestFirmwareRefuses(t *testing.T) {
	for _, c := range []FirmwareConfig{{Size: -1}, {Size: 4096}, {TraceSize: 1 << 30}, {Base: 0xffff_0000}, {Base: 1 << 40}, {Base: 1<<64 - 1}, {Class: 9}} {
		if b, err := Firmware(c); err == nil {
			t.Errorf("%+v gave %d bytes", c, len(b))
		}
	}
}

func TestInstallRefuses(t *testing.T) {
	p := processor(t, newBoard(t, Config{}), "dsp0")
	for _, name := range []string{"", "a/b", "../x", ".x", "a b", "a\nb", "a\x00b", strings.Repeat("x", 256)} {
		if _, err := p.Install(name, nil); !errors.Is(err, firmware.ErrBadName) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// TestLoaded looks at the firmware in the processor's memory.
func TestLoaded(t *testing.T) {
	h := dial(t, newBoard(t, Config{}), "dsp0")
	got := make([]byte, 11)
	if err := h.b.Peek(dspPhys, got); err != nil || string(got) != "offload-sim" {
		t.Errorf("code: %q, %v", got, err)
	}
	table := make([]byte, 512)
	if err := h.b.Peek(dspPhys+codeSize, table); err != nil {
		t.Fatal(err)
	}
	rt, err := firmware.DecodeResourceTable(table)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range rt.Entries {
		if v, ok := e.(*firmware.Vdev); ok {
			if v.Status != 7 || len(v.Vrings) != 2 || v.Vrings[0].DeviceAddress == firmware.AddrAny || v.Vrings[0].DeviceAddress < 0x8000_0000 {
				t.Errorf("the kernel's answers in the vdev: %+v", v)
			}
			return
		}
	}
	t.Error("no vdev in the loaded table")
}

func TestTrace(t *testing.T) {
	m := NewMux()
	m.HandleFunc("say", func(c *Call) error { c.Printf("%s", c.Str()); return c.End() })
	b := newBoard(t, Config{
		Programs:   map[string]*Mux{"mine": m},
		Processors: []ProcessorConfig{{Name: "p", Carveout: bufmap.Window{Phys: 0x1000_0000, Device: 0x2000_0000, Size: 1 << 20}, Firmware: FirmwareConfig{Program: "mine", TraceSize: 256, Size: 0x20000}}},
	})
	p := processor(t, b, "p")
	if _, err := p.Trace(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("offline: %v", err)
	}
	h := dial(t, b, "p")
	if s, err := p.Trace(); err != nil || !strings.Contains(s, `firmware "mine" started`) {
		t.Errorf("%q, %v", s, err)
	}
	for i := range 50 {
		h.call("say", "line "+string(rune('A'+i%26)))
	}
	h.call("say", strings.Repeat("long ", 80))
	s, err := p.Trace()
	if err != nil || len(s) >= 256 || !strings.Contains(s, "long long") {
		t.Errorf("%q, %v", s, err)
	}
	// The trace lies in memory that anybody can overwrite.
	c := p.run.trace.mem
	for i := range c {
		c[i] = 0xff
	}
	if s, err := p.Trace(); err != nil || len(s) > 3*256 {
		t.Errorf("%d bytes, %v", len(s), err)
	}
}

func TestCrashWithRecovery(t *testing.T) {
	h := dial(t, newBoard(t, Config{}), "dsp0")
	ctx := t.Context()
	old := h.conn.(*conn)
	h.send(h.request("crash", 0))
	if _, err := old.Recv(ctx, h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) || !strings.Contains(err.Error(), "crash was called") {
		t.Fatalf("%v", err)
	}
	if err := old.Send(ctx, []byte{1}); !errors.Is(err, rpmsg.ErrPeerGone) {
		t.Errorf("send: %v", err)
	}
	fresh, err := h.p.Dial(ctx, "offload")
	if err != nil {
		t.Fatal(err)
	}
	defer fresh.Close()
	if fresh.(*conn).name == old.name || fresh.(*conn).dst == old.dst {
		t.Errorf("%v after %v: numbers did not change", fresh, old)
	}
	reason, trace := h.p.LastCrash()
	if !strings.Contains(reason, "crash was called") || !strings.Contains(trace, "crash was called") || !strings.Contains(trace, "started") {
		t.Errorf("last crash: %q, trace %q", reason, trace)
	}
	if s := h.b.Stats(); s.Crashes != 1 {
		t.Errorf("%+v", s)
	}
	h.redial()
	if n := h.uint("sum", []byte{1, 2}); n != 3 {
		t.Error(n)
	}
	// The power count survived the crash: one stop is enough.
	if err := h.p.Remoteproc().Stop(ctx); err != nil {
		t.Error(err)
	}
	if err := h.b.Crash("dsp0", "x"); err == nil {
		t.Error("crash of a processor that is offline")
	}
}

// TestCrashWithoutRecovery: endpoints stay silent, they do not die.
func TestCrashWithoutRecovery(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := dial(t, newBoard(t, Config{}), "dsp0")
		ctx := t.Context()
		if err := h.p.Remoteproc().SetRecovery(ctx, false); err != nil {
			t.Fatal(err)
		}
		h.send(h.request("crash", 0))
		synctest.Wait()
		if s, err := h.p.Remoteproc().State(); err != nil || s != firmware.StateCrashed {
			t.Fatal(s, err)
		}
		for range 2 * ringSize {
			h.send(h.request("echo", 1)) // nobody reads, nobody says so
		}
		short, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		if _, err := h.conn.Recv(short, h.buf[:]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("read: %v", err)
		}
		if s, err := h.p.Trace(); err != nil || !strings.Contains(s, "crash was called") {
			t.Errorf("trace: %q, %v", s, err)
		}
		dialCtx, cancelDial := context.WithTimeout(ctx, time.Minute)
		defer cancelDial()
		if _, err := h.p.Dial(dialCtx, "offload"); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("dial: %v", err)
		}
		if err := h.p.Remoteproc().Recover(ctx); err != nil {
			t.Fatal(err)
		}
		if _, err := h.conn.Recv(ctx, h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("read after recovery: %v", err)
		}
		h.redial()
		h.uint("echo", 1)
	})
}

func TestRecoveryDelay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := DefaultProcessors()
		list[0].RecoveryDelay = time.Second
		h := dial(t, newBoard(t, Config{Processors: list}), "dsp0")
		if err := h.b.Crash("dsp0", "watchdog"); err != nil {
			t.Fatal(err)
		}
		if s, _ := h.p.Remoteproc().State(); s != firmware.StateCrashed {
			t.Error(s)
		}
		began := time.Now()
		h.redial()
		if d := time.Since(began); d != time.Second {
			t.Errorf("recovered after %v", d)
		}
	})
}

// TestHang: only a stop ends a core with its interrupts off; the ring fills and Send waits.
func TestHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		list := DefaultProcessors()
		list[0].Beat = time.Second
		h := dial(t, newBoard(t, Config{Processors: list}), "dsp0")
		for range 2 {
			if m := h.recv(); m.Method.Num != 7 {
				t.Fatalf("%v", m.Method)
			}
		}
		h.send(h.request("hang"))
		short, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if _, err := h.conn.Recv(short, h.buf[:]); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a hung core still beats: %v", err)
		}
		sent := 0
		full, cancelFull := context.WithTimeout(t.Context(), time.Minute)
		defer cancelFull()
		for {
			err := h.conn.Send(full, []byte{0x90})
			if err != nil {
				if !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "256 buffers is full") {
					t.Error(err)
				}
				break
			}
			sent++
		}
		if sent != ringSize-1 { // one is held by the call that hangs
			t.Errorf("%d messages until the ring was full", sent)
		}
		blocked := make(chan error, 1)
		go func() { blocked <- h.conn.Send(context.Background(), []byte{0x90}) }()
		synctest.Wait()
		if err := h.p.Remoteproc().Stop(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := <-blocked; !errors.Is(err, rpmsg.ErrPeerGone) {
			t.Errorf("the sender that waited got %v", err)
		}
		if err := h.p.Remoteproc().Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		h.redial()
		h.uint("echo", 1)
	})
}

func TestHandlerThatNeverReturns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMux()
		release := make(chan struct{})
		m.HandleFunc("stuck", func(c *Call) error { <-release; return nil })
		list := DefaultProcessors()[:1]
		list[0].Firmware.Program = "mine"
		b, err := New(Config{Programs: map[string]*Mux{"mine": m}, Processors: list})
		if err != nil {
			t.Fatal(err)
		}
		h := dial(t, b, "dsp0")
		h.send(h.request("stuck"))
		synctest.Wait()
		h.conn.Close()
		if err := b.Close(); err == nil || !strings.Contains(err.Error(), "dsp0.stuck") {
			t.Errorf("Close: %v", err)
		}
		close(release)
		synctest.Wait()
		b.unref()
	})
}

func TestPanickingHandlers(t *testing.T) {
	m := NewMux()
	m.HandleFunc("index", func(c *Call) error { var p []int; _ = p[c.Len()]; return nil })
	m.HandleTask("task", func(c *Call) error { panic("task") })
	m.HandleFunc("load", func(c *Call) error { c.Load32(4); return nil })
	m.HandleFunc("store", func(c *Call) error { c.Store32(0xC000_0002, 1); return nil })
	list := DefaultProcessors()[:1]
	list[0].Firmware.Program = "mine"
	h := dial(t, newBoard(t, Config{Programs: map[string]*Mux{"mine": m}, Processors: list}), "dsp0")
	for method, want := range map[string]string{"index": "index out of range", "task": "task", "load": "no window", "store": "unaligned write"} {
		h.send(h.request(method))
		if _, err := h.conn.Recv(t.Context(), h.buf[:]); !errors.Is(err, rpmsg.ErrPeerGone) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", method, err)
		}
		h.redial()
	}
}
