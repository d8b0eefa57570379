// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"
)

func TestStartStop(t *testing.T) {
	for _, ctx := range []context.Context{context.Background(), t.Context()} { // without and with Done
		r := newRproc()
		p := NewProcessor("dsp", r)
		for range 3 {
			if err := p.Start(ctx); err != nil {
				t.Fatal(err)
			}
			if err := p.Start(ctx); !errors.Is(err, ErrRunning) {
				t.Fatalf("second start: %v", err)
			}
			if s, err := p.State(); s != StateRunning || err != nil || r.power != 1 {
				t.Fatalf("%v, %v, power count %d", s, err, r.power)
			}
			if err := p.Stop(ctx); err != nil {
				t.Fatal(err)
			}
			if s, _ := p.State(); s != StateOffline || r.power != 0 {
				t.Fatalf("%v, power count %d", s, r.power)
			}
		}
		if n := len(r.log()); n != 6 {
			t.Errorf("%d writes, want 3 starts and 3 stops: %v", n, r.log())
		}
	}
}

func TestStartErrors(t *testing.T) {
	tests := []struct {
		name  string
		setup func(r *rproc)
		is    []error
		text  []string
	}{
		{"no such file", func(r *rproc) { r.bootErr = syscall.ENOENT },
			[]error{fs.ErrNotExist, syscall.ENOENT}, []string{`"fw.elf"`, "/lib/firmware"}},
		{"bad image", func(r *rproc) { r.bootErr = syscall.EINVAL },
			[]error{ErrBadImage, syscall.EINVAL}, []string{`"fw.elf"`, "offload firmware check", "kernel log"}},
		{"no memory", func(r *rproc) { r.bootErr = syscall.ENOMEM }, []error{syscall.ENOMEM}, []string{"carveout"}},
		{"old kernel", func(r *rproc) { r.bootErr = syscall.EBUSY }, []error{ErrRunning, syscall.EBUSY}, nil},
		{"permission", func(r *rproc) { r.readOnly = true }, []error{fs.ErrPermission, syscall.EACCES}, []string{"udev"}},
		{"unusual errno", func(r *rproc) { r.bootErr = syscall.EIO }, []error{syscall.EIO}, []string{`"fw.elf"`}},
		{"crashed", func(r *rproc) { r.set(StateCrashed) }, []error{ErrCrashed}, []string{"recover"}},
		{"attached", func(r *rproc) { r.set(StateAttached) }, []error{ErrRunning}, nil},
		{"suspended", func(r *rproc) { r.set(StateSuspended) }, []error{ErrRunning}, nil},
		{"gone", func(r *rproc) { r.gone = true }, []error{ErrGone, fs.ErrNotExist}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRproc()
			tt.setup(r)
			p := NewProcessor("dsp", r)
			err := p.Start(t.Context())
			checkError(t, err, "dsp: start", tt.is, tt.text)
			if r.power != 0 {
				t.Errorf("power count %d after an error", r.power)
			}
			for _, not := range []error{ErrStuck, ErrHeld, context.Canceled} {
				if errors.Is(err, not) {
					t.Errorf("%v is %v", err, not)
				}
			}
		})
	}
}

func checkError(t *testing.T, err error, prefix string, is []error, text []string) {
	t.Helper()
	if err == nil {
		t.Fatal("no error")
	}
	var op *OpError
	if !errors.As(err, &op) || !strings.HasPrefix(err.Error(), prefix) {
		t.Errorf("%v (%T) does not begin with %q", err, err, prefix)
	}
	for _, want := range is {
		if !errors.Is(err, want) {
			t.Errorf("%v is not %v", err, want)
		}
	}
	for _, want := range text {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
	}
}

func TestStopErrors(t *testing.T) {
	tests := []struct {
		name  string
		setup func(r *rproc, p *Processor)
		is    []error
		state State // afterwards
	}{
		{"offline", func(r *rproc, p *Processor) {}, []error{ErrNotRunning, syscall.EINVAL}, StateOffline},
		{"detached", func(r *rproc, p *Processor) { r.set(StateDetached) }, []error{ErrNotRunning, syscall.EINVAL}, StateDetached},
		{"crashed, kernel refuses", func(r *rproc, p *Processor) {
			r.old = true
			r.set(StateCrashed)
		}, []error{ErrCrashed, syscall.EINVAL}, StateCrashed},
		{"stuck", func(r *rproc, p *Processor) {
			mustStart(t, p)
			r.stopErr = syscall.ETIMEDOUT
		}, []error{ErrStuck, syscall.ETIMEDOUT}, StateRunning},
		{"started by others too", func(r *rproc, p *Processor) {
			mustStart(t, p)
			r.WriteAttr("state", "start")
		}, []error{ErrHeld}, StateRunning},
		{"crashed, started by others too", func(r *rproc, p *Processor) {
			mustStart(t, p)
			r.WriteAttr("state", "start")
			r.set(StateCrashed)
		}, []error{ErrHeld}, StateCrashed},
		{"read-only", func(r *rproc, p *Processor) { r.readOnly = true }, []error{fs.ErrPermission}, StateOffline},
		{"running, refused", func(r *rproc, p *Processor) {
			mustStart(t, p)
			r.stopErr = syscall.EINVAL
		}, []error{syscall.EINVAL}, StateRunning},
		{"gone", func(r *rproc, p *Processor) { r.gone = true }, []error{ErrGone}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := newRproc()
			p := NewProcessor("dsp", r)
			tt.setup(r, p)
			checkError(t, p.Stop(t.Context()), "dsp: stop", tt.is, nil)
			if s, _ := p.State(); s != tt.state {
				t.Errorf("state %q, want %q", s, tt.state)
			}
		})
	}
}

func mustStart(t *testing.T, p *Processor) {
	t.Helper()
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestStopStuckThenFreed(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	mustStart(t, p)
	r.stopErr = syscall.ETIMEDOUT
	for range 2 {
		if err := p.Stop(t.Context()); !errors.Is(err, ErrStuck) {
			t.Fatal(err)
		}
	}
	r.stopErr = nil
	if err := p.Stop(t.Context()); err != nil || r.power != 0 {
		t.Errorf("%v, power count %d", err, r.power)
	}
}

func TestStopCrashed(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	mustStart(t, p)
	r.set(StateCrashed)
	if err := p.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	r.old = true
	mustStart(t, p)
	r.set(StateCrashed)
	if err := p.Stop(t.Context()); !errors.Is(err, ErrCrashed) {
		t.Fatal(err)
	}
	if err := p.Recover(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(t.Context()); err != nil || r.power != 0 {
		t.Errorf("%v, power count %d", err, r.power)
	}
}

// A start that lost a race is one count of two, and one Stop gives it back and leaves the other's.
func TestStartRace(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", raceStart{r})
	mustStart(t, p)
	if r.power != 2 {
		t.Fatalf("power count %d: the race did not happen", r.power)
	}
	if err := p.Stop(t.Context()); !errors.Is(err, ErrHeld) || r.power != 1 {
		t.Errorf("%v, power count %d", err, r.power)
	}
	if err := p.Stop(t.Context()); err != nil || r.power != 0 {
		t.Errorf("%v, power count %d", err, r.power)
	}
}

// raceStart lets another process start the processor between the read of the state and the write.
type raceStart struct{ *rproc }

func (r raceStart) WriteAttr(name, value string) error {
	if value == "start" {
		r.rproc.WriteAttr(name, value)
	}
	return r.rproc.WriteAttr(name, value)
}

// A recovery that stopped the processor but could not start it again leaves the count behind (rproc_boot_recovery).
func TestStartAfterFailedRecovery(t *testing.T) {
	r := newRproc()
	r.power = 1
	checkError(t, NewProcessor("dsp", r).Start(t.Context()), "dsp: start", []error{ErrOnlyCounted}, []string{"unbind"})
}

func TestDetach(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	checkError(t, p.Detach(t.Context()), "dsp: detach", []error{ErrNotAttached, syscall.EINVAL}, []string{"offline"})
	r.set(StateDetached)
	mustStart(t, p)
	if s, _ := p.State(); s != StateAttached {
		t.Fatalf("state %q", s)
	}
	if fw, _ := p.Firmware(); fw != "unknown" {
		t.Errorf("firmware %q", fw)
	}
	if err := p.Detach(t.Context()); err != nil || r.power != 0 {
		t.Errorf("%v, power count %d", err, r.power)
	}
}

func TestSettings(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	ctx := t.Context()
	if err := p.SetFirmware(ctx, "vendor/new.elf"); err != nil {
		t.Fatal(err)
	}
	if fw, err := p.Firmware(); fw != "vendor/new.elf" || err != nil {
		t.Errorf("firmware %q, %v", fw, err)
	}
	if name, err := p.KernelName(); name != "64800000.dsp" || err != nil || p.Name() != "dsp" {
		t.Errorf("kernel name %q, %v, name %q", name, err, p.Name())
	}
	for _, on := range []bool{false, true} {
		if err := p.SetRecovery(ctx, on); err != nil {
			t.Error(err)
		}
		if got, err := p.Recovery(); got != on || err != nil {
			t.Errorf("recovery %v, %v", got, err)
		}
	}
	for _, mode := range []CoredumpMode{CoredumpEnabled, CoredumpInline, CoredumpDisabled} {
		if err := p.SetCoredumpMode(ctx, mode); err != nil {
			t.Error(err)
		}
		if got, err := p.CoredumpMode(); got != mode || err != nil {
			t.Errorf("coredump mode %v, %v", got, err)
		}
	}
	if err := p.SetCoredumpMode(ctx, "default"); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("coredump mode of the kernel's comments: %v", err)
	}
	mustStart(t, p)
	checkError(t, p.SetFirmware(ctx, "x.elf"), "dsp: set firmware", []error{ErrBusy, syscall.EBUSY}, []string{"stop the processor"})
	r.set(StateCrashed)
	checkError(t, p.SetCoredumpMode(ctx, CoredumpInline), "dsp: set coredump mode", []error{ErrBusy, syscall.EBUSY}, nil)

	delete(r.attrs, "coredump") // Linux 5.9 has it in debugfs only
	checkError(t, p.SetCoredumpMode(ctx, CoredumpInline), "dsp: set coredump mode", []error{errors.ErrUnsupported, fs.ErrNotExist}, nil)
	_, err := p.CoredumpMode()
	checkError(t, err, "dsp: read coredump mode", []error{errors.ErrUnsupported}, nil)
	r.attrs["recovery"] = "perhaps"
	if _, err := p.Recovery(); err == nil || !strings.Contains(err.Error(), "perhaps") {
		t.Errorf("unknown recovery value: %v", err)
	}
	r.readOnly = true
	checkError(t, p.SetRecovery(ctx, true), "dsp: set recovery", []error{fs.ErrPermission}, []string{"udev"})
}

func TestSetFirmwareNames(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	for _, name := range []string{"", ".", "..", "../x", "a/../b", "a//b", "/lib/firmware/x", "a/", "x\ny", "x\x00", "\x1b[2J", "\xff",
		strings.Repeat("a", 256), strings.Repeat("a/", 600) + "b"} {
		if err := p.SetFirmware(t.Context(), name); !errors.Is(err, ErrBadName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if len(r.log()) != 0 {
		t.Errorf("written: %q", r.log())
	}
}

func TestStateUnknown(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	r.set("defunct\n")
	s, err := p.State()
	if s != "defunct" || err != nil || s.Known() || s.Up() {
		t.Errorf("%q, %v, known %v, up %v", s, err, s.Known(), s.Up())
	}
	if !StateAttached.Known() || !StateAttached.Up() || StateCrashed.Up() {
		t.Error("known states")
	}
}

func TestInterruptedWrite(t *testing.T) {
	r := newRproc()
	r.eintr = 3
	p := NewProcessor("dsp", r)
	if mustStart(t, p); len(r.log()) != 4 || r.power != 1 {
		t.Errorf("writes %v, power count %d", r.log(), r.power)
	}
	ctx, cancel := context.WithCancel(t.Context())
	a := cancelOnWrite{r, cancel}
	r.eintr = 1000
	if err := NewProcessor("dsp", a).Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("endless EINTR: %v", err)
	}
}

type cancelOnWrite struct {
	*rproc
	cancel func()
}

func (a cancelOnWrite) WriteAttr(name, value string) error {
	a.cancel()
	return a.rproc.WriteAttr(name, value)
}

// The caller's context ends while the kernel is at work: the call returns, the start happens all the same and is counted,
// and the next operation waits for it.
func TestContextEndsDuringWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRproc()
		r.block = make(chan struct{})
		p := NewProcessor("dsp", r)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		began := time.Now()
		err := p.Start(ctx)
		checkError(t, err, "dsp: start", []error{context.DeadlineExceeded}, []string{"goes on"})
		if d := time.Since(began); d != time.Second {
			t.Errorf("returned after %v", d)
		}
		if s, err := p.State(); s != StateOffline || err != nil { // reading needs no turn
			t.Errorf("%v, %v", s, err)
		}

		short, cancelShort := context.WithTimeout(t.Context(), time.Second)
		defer cancelShort()
		checkError(t, p.Stop(short), "dsp: stop", []error{context.DeadlineExceeded}, []string{"nothing was done"})
		checkError(t, p.Settle(short), "dsp: settle", []error{context.DeadlineExceeded}, nil)

		stopped := make(chan error)
		go func() { stopped <- p.Stop(t.Context()) }()
		synctest.Wait()
		if got := r.log(); len(got) != 1 {
			t.Fatalf("writes while the first was under way: %v", got)
		}
		close(r.block)
		if err := <-stopped; err != nil {
			t.Error(err)
		}
		if err := p.Settle(t.Context()); err != nil {
			t.Error(err)
		}
		if r.power != 0 || !slices.Equal(r.log(), []string{"state=start", "state=stop"}) {
			t.Errorf("power count %d, writes %v", r.power, r.log())
		}
	})
}

func TestContextEndedBefore(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, f := range map[string]func() error{
		"start":    func() error { return p.Start(ctx) },
		"stop":     func() error { return p.Stop(ctx) },
		"detach":   func() error { return p.Detach(ctx) },
		"firmware": func() error { return p.SetFirmware(ctx, "x") },
		"recovery": func() error { return p.SetRecovery(ctx, true) },
		"recover":  func() error { return p.Recover(ctx) },
		"coredump": func() error { return p.SetCoredumpMode(ctx, CoredumpEnabled) },
		"settle":   func() error { return p.Settle(ctx) },
		"wait":     func() error { _, err := p.WaitState(ctx, StateRunning); return err },
	} {
		if err := f(); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(r.log()) != 0 {
		t.Errorf("written: %v", r.log())
	}
}

func TestWaitState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRproc()
		p := NewProcessor("dsp", r)
		if s, err := p.WaitState(t.Context(), StateRunning, StateOffline); s != StateOffline || err != nil {
			t.Errorf("%v, %v", s, err)
		}
		time.AfterFunc(10*time.Second, func() { r.set(StateRunning) })
		began := time.Now()
		s, err := p.WaitState(t.Context(), StateRunning, StateCrashed)
		if s != StateRunning || err != nil {
			t.Errorf("%v, %v", s, err)
		}
		if d := time.Since(began); d < 10*time.Second || d > 10*time.Second+pollLast {
			t.Errorf("noticed after %v", d)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		s, err = p.WaitState(ctx, StateCrashed)
		if s != StateRunning {
			t.Errorf("last state %q", s)
		}
		checkError(t, err, "dsp: wait for state", []error{context.DeadlineExceeded}, []string{"crashed", "running"})
		time.AfterFunc(time.Second, func() { r.mu.Lock(); r.gone = true; r.mu.Unlock() })
		if _, err = p.WaitState(t.Context(), StateCrashed); !errors.Is(err, ErrGone) {
			t.Errorf("driver unbound: %v", err)
		}
		if _, err = p.WaitState(t.Context()); err == nil {
			t.Error("waiting for no state succeeded")
		}
	})
}

func TestConcurrentOperations(t *testing.T) {
	r := newRproc()
	p := NewProcessor("dsp", r)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 50 {
				switch i % 4 {
				case 0, 1:
					if err := p.Start(t.Context()); err != nil && !errors.Is(err, ErrRunning) {
						t.Error(err)
					}
				case 2:
					if err := p.Stop(t.Context()); err != nil && !errors.Is(err, ErrNotRunning) {
						t.Error(err)
					}
				case 3:
					if s, err := p.State(); err != nil || s != StateOffline && s != StateRunning {
						t.Error(s, err)
					}
				}
			}
		})
	}
	wg.Wait()
	if err := p.Stop(t.Context()); err != nil && !errors.Is(err, ErrNotRunning) {
		t.Error(err)
	}
	if r.power != 0 {
		t.Errorf("power count %d", r.power)
	}
}

func TestOpErrorText(t *testing.T) {
	e := &OpError{Op: "start", Processor: "dsp", Kind: ErrStuck, Err: syscall.EIO, Hint: "pray"}
	if want := fmt.Sprintf("dsp: start: %v: %v (pray)", ErrStuck, syscall.EIO); e.Error() != want {
		t.Errorf("%q, want %q", e, want)
	}
	if (&OpError{}).Error() == "" || len((&OpError{}).Unwrap()) != 0 {
		t.Error("empty error")
	}
}
