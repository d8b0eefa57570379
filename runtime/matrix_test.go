// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/runtime"
	"github.com/offload-runtime/offload/sim"
)

// The fault matrix: each disturbance meets each operation, on a board of its own and in simulated time, so that a deadline is
// kept exactly or not at all. What must hold in each field: answers are right, a call ends by its deadline with an answer or
// an error that can be branched on, memory that the remote may write to goes to nobody else, the session is usable
// afterwards, and closing it leaves nothing behind. A goroutine that stays blocked ends the test by itself (synctest).

// disturbance is a row of the matrix.
type disturbance struct {
	name  string
	fault func(step int) sim.Fault // nil: restart
	steps int                      // places in the operation where it happens, one board each; 0 is 1
	// limit is the deadline of each call, 1 s if 0.
	limit time.Duration
	// answered says that no call may fail; otherwise some may, with one of allowed.
	answered bool
	allowed  []error
	// certain: one call must fail in a call, a future, a batch or a spilled call, or the fault was not there at all.
	certain bool
	session runtime.SessionConfig
	beat    time.Duration
	held    bool // what was lost stays with the remote until the session closes
	unruly  bool // notifications may come twice or in another order
	restart bool // another program stops and starts the processor
	crowd   int  // calls that fill the ring beside the operation
}

var crashed = []error{runtime.ErrCrashed, context.DeadlineExceeded}

func disturbances() (list []disturbance) {
	lost := []error{context.DeadlineExceeded}
	broken := []error{context.DeadlineExceeded, runtime.ErrRemote, runtime.ErrProtocol}
	fault := func(f sim.Fault) func(int) sim.Fault {
		return func(step int) sim.Fault {
			f.Skip = step
			return f
		}
	}
	for _, toHost := range []bool{false, true} {
		way := " request"
		if toHost {
			way = " answer"
		}
		list = append(list,
			disturbance{name: "drop" + way, fault: fault(sim.Fault{Kind: sim.Drop, ToHost: toHost}), steps: 2, allowed: lost, certain: true, held: true},
			disturbance{name: "duplicate" + way, fault: fault(sim.Fault{Kind: sim.Duplicate, ToHost: toHost, Count: -1}), answered: true, unruly: true},
			disturbance{name: "reorder" + way, fault: fault(sim.Fault{Kind: sim.Reorder, ToHost: toHost, Count: -1}), answered: true, unruly: true},
			disturbance{name: "delay" + way, fault: fault(sim.Fault{Kind: sim.Delay, ToHost: toHost, Count: -1, Delay: 20 * time.Millisecond}), answered: true, unruly: true},
			disturbance{name: "late" + way, fault: fault(sim.Fault{Kind: sim.Delay, ToHost: toHost, Delay: 2 * time.Second}), steps: 2, allowed: lost, certain: true, unruly: true},
			disturbance{name: "corrupt" + way, fault: fault(sim.Fault{Kind: sim.Corrupt, ToHost: toHost}), steps: 2, allowed: broken, certain: true, held: true},
			disturbance{name: "truncate" + way, fault: fault(sim.Fault{Kind: sim.Truncate, ToHost: toHost}), steps: 2, allowed: broken, certain: true, held: true},
		)
	}
	silent := runtime.SessionConfig{Recovery: runtime.RecoverRestart, Heartbeat: 300 * time.Millisecond}
	return append(list,
		disturbance{name: "unknown id", fault: fault(sim.Fault{Kind: sim.UnknownID}), steps: 2, allowed: lost, certain: true, held: true},
		disturbance{name: "crash before", fault: fault(sim.Fault{Kind: sim.CrashBefore}), steps: 6, allowed: crashed},
		disturbance{name: "crash after", fault: fault(sim.Fault{Kind: sim.CrashAfter}), steps: 6, allowed: crashed},
		disturbance{name: "hang", fault: fault(sim.Fault{Kind: sim.Hang}), steps: 3, allowed: crashed, certain: true, session: silent, beat: 20 * time.Millisecond},
		disturbance{name: "hang, short deadline", fault: fault(sim.Fault{Kind: sim.Hang}), steps: 2, limit: 50 * time.Millisecond, allowed: crashed,
			certain: true, session: silent, beat: 20 * time.Millisecond},
		disturbance{name: "slow consumer", fault: fault(sim.Fault{Kind: sim.Stall, Count: -1, Delay: 5 * time.Millisecond}), answered: true},
		disturbance{name: "full ring", fault: fault(sim.Fault{Kind: sim.Stall, Delay: 300 * time.Millisecond}), answered: true, crowd: 400},
		disturbance{name: "full ring for long", fault: fault(sim.Fault{Kind: sim.Stall, Delay: 5 * time.Second}), allowed: append(lost, runtime.ErrRemote), crowd: 400},
		disturbance{name: "no memory", fault: fault(sim.Fault{Kind: sim.NoMemory}), steps: 5, allowed: []error{runtime.ErrNoMemory}},
		disturbance{name: "no memory at all", fault: fault(sim.Fault{Kind: sim.NoMemory, Count: -1}), allowed: []error{runtime.ErrNoMemory}},
		disturbance{name: "no attachment", fault: fault(sim.Fault{Kind: sim.NoAttach}), steps: 4, allowed: []error{syscall.ENOMEM}},
		disturbance{name: "restart", restart: true, steps: 24, allowed: crashed},
	)
}

// operations are the columns of the matrix.
var operations = []struct {
	name    string
	run     func(*field)
	certain bool // a lost message shows
}{
	{"call", (*field).call, true}, {"future", (*field).future, true}, {"batch", (*field).batch, true},
	{"spilled call", (*field).spilled, true}, {"buffer call", (*field).buffer, true}, {"sub-buffer call", (*field).sub, true},
	{"notification stream", (*field).stream, false}, {"session open", nil, true}, {"session close", (*field).close, false},
}

func TestFaultMatrix(t *testing.T) {
	for _, d := range disturbances() {
		for _, o := range operations {
			t.Run(strings.ReplaceAll(d.name+"/"+o.name, " ", "-"), func(t *testing.T) {
				failed := int64(0)
				for step := range max(d.steps, 1) {
					synctest.Test(t, func(t *testing.T) {
						f := &field{T: t, d: d, step: step}
						f.try(o.run)
						failed += f.failed.Load()
					})
					if t.Failed() {
						t.Fatalf("at step %d", step)
					}
				}
				if d.certain && o.certain && failed == 0 {
					t.Error("every call was answered: the disturbance was not there")
				}
			})
		}
	}
}

// field is one field of the matrix at one step.
type field struct {
	*testing.T
	d      disturbance
	step   int
	board  *sim.Board
	steps  *stepper
	rt     *runtime.Runtime
	s      *runtime.Session
	image  []byte
	failed atomic.Int64
	ranges []bufmap.PhysAddr // of buffers that were closed while the remote had them
}

const (
	window = 16
	region = 16 << 10 // bytes of each buffer that the remote gets
)

func (f *field) try(run func(*field)) {
	mux := sim.Functions()
	mux.HandleFunc("stream", func(c *sim.Call) error {
		n := c.Uint()
		if err := c.End(); err != nil {
			return err
		}
		for i := range n {
			if err := c.Notify("tick", i); err != nil {
				return err
			}
		}
		return c.ResultUint(n)
	})
	met, all := 0, make(chan struct{})
	var mu sync.Mutex
	mux.HandleTask("meet", func(c *sim.Call) error {
		mu.Lock()
		if met++; met == window-1 {
			close(all)
		}
		mu.Unlock()
		select {
		case <-all:
			return nil
		case <-c.Context().Done():
			return c.Context().Err()
		}
	})
	processors := sim.DefaultProcessors()
	processors[0].RecoveryDelay = 5 * time.Millisecond
	processors[0].Beat = f.d.beat
	board, err := sim.New(sim.Config{Processors: processors, Programs: map[string]*sim.Mux{"functions": mux}})
	if err != nil {
		f.Fatal(err)
	}
	f.board = board
	f.steps = &stepper{Board: board}
	if f.image, err = sim.Firmware(sim.FirmwareConfig{}); err != nil {
		f.Fatal(err)
	}
	if f.rt, err = runtime.New(runtime.Config{Board: f.steps}); err != nil {
		f.Fatal(err)
	}
	if run == nil {
		f.open()
	} else {
		if f.s, err = f.rt.Start(f.Context(), f.config()); err != nil {
			f.Fatal(err)
		}
		f.disturb()
		f.fillRing()
		run(f)
	}
	f.after()
}

func (f *field) config() runtime.SessionConfig {
	c := f.d.session
	c.Processor, c.Image, c.Window, c.Watch, c.RecoveryTime = "dsp0", f.image, window, 10*time.Millisecond, 20*time.Second
	return c
}

// disturb arms the fault.
func (f *field) disturb() {
	if f.d.restart {
		f.steps.arm(f.step, func() { f.restart() })
		return
	}
	fault := f.d.fault(f.step)
	processor := "dsp0"
	if fault.Kind == sim.NoMemory {
		processor = ""
	}
	if err := f.board.Inject(processor, fault); err != nil {
		f.Fatal(err)
	}
}

// restart is another program that stops and starts the processor.
func (f *field) restart() {
	p, err := f.board.Processor("dsp0")
	if err != nil {
		f.Error(err)
		return
	}
	ctx := context.Background()
	if err := p.Remoteproc().Stop(ctx); err != nil {
		return // it is off at that step
	}
	if err := p.Remoteproc().Start(ctx); err != nil {
		f.Error(err)
	}
}

// fillRing fills the ring towards the processor from a service of its own.
func (f *field) fillRing() {
	if f.d.crowd == 0 {
		return
	}
	p, err := f.board.Processor("dsp0")
	if err != nil {
		f.Fatal(err)
	}
	// The processor stands still in this one.
	go func() { _ = f.s.Call(f.Context(), "echo", nil, 1) }()
	synctest.Wait()
	c, err := p.Dial(f.Context(), "rpmsg-raw")
	if err != nil {
		f.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(f.Context(), 7*time.Second)
	for range f.d.crowd {
		go func() { _ = c.Send(ctx, []byte("crowd")) }()
	}
	synctest.Wait()
	f.Cleanup(func() {
		cancel()
		if err := c.Close(); err != nil {
			f.Error(err)
		}
	})
	f.steps.crowd = func() {
		cancel()
		_ = c.Close()
	}
}

// timed runs something with the deadline of the row and looks that it kept it.
func (f *field) timed(what string, do func(ctx context.Context) error) error {
	f.Helper()
	limit := f.d.limit
	if limit == 0 {
		limit = time.Second
	}
	ctx, cancel := context.WithTimeout(f.Context(), limit)
	defer cancel()
	began := time.Now()
	err := do(ctx)
	if took := time.Since(began); took > limit {
		f.Errorf("%s: it took %v, the deadline was after %v", what, took, limit)
	}
	f.check(what, err)
	return err
}

// check looks that an error is one that the row allows.
func (f *field) check(what string, err error) {
	f.Helper()
	if err == nil {
		return
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok && strings.Contains(err.Error(), "\n") {
		for _, e := range joined.Unwrap() {
			f.check(what, e)
		}
		return
	}
	f.failed.Add(1)
	if f.d.answered {
		f.Errorf("%s: %v", what, err)
		return
	}
	for _, a := range f.d.allowed {
		if errors.Is(err, a) {
			return
		}
	}
	f.Errorf("%s: an error of no kind that can be expected: %v", what, err)
}

// settle lets simulated time pass.
func (f *field) settle(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

// after looks that the session works on, and that nothing is left when it closes.
func (f *field) after() {
	f.steps.arm(-1, nil)
	if f.steps.crowd != nil {
		f.steps.crowd()
	}
	if f.s != nil {
		if f.d.beat > 0 {
			f.settle(2 * time.Second) // until the silence was noticed and the processor restarted
		}
		if !f.d.held {
			f.settle(3 * time.Second) // until the last late answer
		}
		const calls = 8
		for i := range calls {
			ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
			var n int
			err := f.s.Call(ctx, "echo", &n, i)
			cancel()
			// What is armed may happen now only, to the first ones.
			if err == nil && n != i || err != nil && i == calls-1 {
				f.Errorf("echo afterwards: %d, %v", n, err)
			}
		}
		if !f.d.held {
			f.meet()
		}
		if err := f.s.Close(); err != nil {
			f.Errorf("closing the session: %v", err)
		}
	}
	if m := f.rt.Stats().Memory; m.Live != 0 {
		f.Errorf("%d bytes of buffers are left after the session", m.Live)
	}
	if err := f.rt.Close(); err != nil {
		f.Errorf("closing the runtime: %v", err)
	}
	if err := f.board.Close(); err != nil {
		f.Errorf("closing the board: %v", err)
	}
	if n := f.board.Stats(); n.Attached != n.Detached {
		f.Errorf("%d attachments were made, %d ended", n.Attached, n.Detached)
	}
}

// meet needs the whole window at once, but for the slot that is kept for the protocol.
func (f *field) meet() {
	ctx, cancel := context.WithTimeout(f.Context(), 10*time.Second)
	defer cancel()
	errs := make(chan error, window-1)
	for range window - 1 {
		go func() { errs <- f.s.Call(ctx, "meet", nil) }()
	}
	for range window - 1 {
		if err := <-errs; err != nil {
			f.Errorf("the window is not as wide as before: %v", err)
		}
	}
}
