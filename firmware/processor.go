// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Processor is the life cycle of one remoteproc. Its operations are serialised; reading is possible at any time.
//
// The kernel acts inside the write of an attribute: start returns when the processor runs, stop when it is off, and a
// core that does not answer keeps the write in the kernel until the driver gives up. Operations therefore run beside
// the caller. If ctx ends first, the call returns and the kernel goes on; the next operation waits for the one before.
type Processor struct {
	name  string
	attrs Attributes

	op chan struct{} // holds one token while an operation is under way
}

// NewProcessor returns the processor behind a. The name is for people: errors and logs.
func NewProcessor(name string, a Attributes) *Processor {
	return &Processor{name: name, attrs: a, op: make(chan struct{}, 1)}
}

// Name is the name given to NewProcessor.
func (p *Processor) Name() string { return p.name }

// KernelName is the name attribute, such as "64800000.dsp".
func (p *Processor) KernelName() (string, error) { return p.read("read name", "name") }

// Firmware is the file name of the image for the next start. The kernel reads "unknown" for a processor that it attached
// to, because a boot loader chose the image.
func (p *Processor) Firmware() (string, error) { return p.read("read firmware", "firmware") }

// State reads the state attribute. Some drivers never report a crash: with TI's K3 drivers the state stays "running".
func (p *Processor) State() (State, error) {
	s, err := p.read("read state", "state")
	return State(s), err
}

// CoredumpMode reads the coredump attribute.
func (p *Processor) CoredumpMode() (CoredumpMode, error) {
	s, err := p.read("read coredump mode", "coredump")
	return CoredumpMode(s), err
}

// Recovery tells whether the kernel restarts the processor after a crash, which is its default.
func (p *Processor) Recovery() (bool, error) {
	const op = "read recovery"
	switch s, err := p.read(op, "recovery"); {
	case err != nil:
		return false, err
	case s == "enabled":
		return true, nil
	case s == "disabled":
		return false, nil
	default:
		return false, &OpError{Op: op, Processor: p.name, Err: fmt.Errorf("unknown value %q", s)}
	}
}

// read returns the value as the first line without space around it, whatever the implementation leaves on it.
func (p *Processor) read(op, attr string) (string, error) {
	s, err := p.attrs.ReadAttr(attr)
	if err != nil {
		return "", p.explain(op, attr, err)
	}
	return strings.TrimSpace(s), nil
}

// explain gives an error of ReadAttr or WriteAttr the meaning that is the same for all attributes.
func (p *Processor) explain(op, attr string, err error) *OpError {
	e := &OpError{Op: op, Processor: p.name, Err: err}
	switch {
	case errors.Is(err, fs.ErrPermission):
		e.Hint = "needs write access to the attribute: run as root or grant it with a udev rule for SUBSYSTEM==\"remoteproc\"; some drivers allow nobody to write"
		if strings.HasPrefix(op, "read") {
			e.Hint = "needs read access to the attribute"
		}
	case errors.Is(err, syscall.ENODEV):
		e.Kind = ErrGone
	case errors.Is(err, fs.ErrNotExist):
		e.Kind = ErrGone
		if attr != "state" {
			if _, stateErr := p.attrs.ReadAttr("state"); stateErr == nil {
				e.Kind = fmt.Errorf("this kernel has no %s attribute: %w", attr, errors.ErrUnsupported)
			}
		}
	}
	return e
}

// run does f as an operation of its own.
func (p *Processor) run(ctx context.Context, op string, f func() error) error {
	if err := p.acquire(ctx, op); err != nil {
		return err
	}
	if ctx.Done() == nil {
		defer p.release()
		return f()
	}
	done := make(chan error, 1)
	go func() {
		defer p.release()
		done <- f()
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done: // both were ready: the result is worth more
		return err
	default:
	}
	return &OpError{Op: op, Processor: p.name, Err: ctx.Err(), Hint: "the kernel goes on with it; the next operation waits for its end"}
}

func (p *Processor) acquire(ctx context.Context, op string) error {
	if err := ctx.Err(); err != nil {
		return &OpError{Op: op, Processor: p.name, Err: err, Hint: "nothing was done"}
	}
	select {
	case p.op <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &OpError{Op: op, Processor: p.name, Err: ctx.Err(), Hint: "nothing was done: the operation before has not ended"}
	}
}

func (p *Processor) release() { <-p.op }

// Settle waits until no operation is under way, also none that its caller gave up.
func (p *Processor) Settle(ctx context.Context) error {
	if err := p.acquire(ctx, "settle"); err != nil {
		return err
	}
	p.release()
	return nil
}

// write is one write of an attribute. EINTR means that a signal arrived while the kernel waited for the processor's lock
// and that nothing was done (mutex_lock_interruptible in rproc_boot, rproc_shutdown and rproc_set_firmware). Go's
// scheduler sends such signals to its own threads.
func (p *Processor) write(ctx context.Context, attr, value string) error {
	for {
		err := p.attrs.WriteAttr(attr, value)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
	}
}

// Polling starts fine because most changes take a millisecond, and ends coarse because the others take seconds. The state
// attribute cannot be waited for: the kernel never calls sysfs_notify for it and sends no uevent.
const (
	pollFirst = time.Millisecond
	pollLast  = 50 * time.Millisecond
)

// WaitState waits until the state is one of those given and returns it. A state that lasts shorter than the polling
// interval may be missed: with recovery enabled, "crashed" lasts a few milliseconds.
func (p *Processor) WaitState(ctx context.Context, want ...State) (State, error) {
	op := fmt.Sprintf("wait for state %q", want)
	if len(want) == 0 {
		return "", &OpError{Op: "wait for state", Processor: p.name, Err: errors.New("no state given")}
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for delay := pollFirst; ; delay = min(2*delay, pollLast) {
		s, err := p.State()
		if err != nil || slices.Contains(want, s) {
			return s, err
		}
		timer.Reset(delay)
		select {
		case <-timer.C:
		case <-ctx.Done():
			return s, &OpError{Op: op, Processor: p.name, Err: fmt.Errorf("the state is %q: %w", s, ctx.Err())}
		}
	}
}
