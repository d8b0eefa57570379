// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"syscall"
)

// Start starts the processor with the firmware set before, or attaches to one that a boot loader started.
//
// The state is read first, because the kernel does not refuse a second start: it raises a power count, and then one stop
// is not enough (rproc_boot). A processor that runs is left alone and the error wraps ErrRunning; one that has crashed,
// where a start would do nothing but count, gives ErrCrashed. So a Processor never holds more than one count, and Stop
// gives that one back.
//
// The state is read afterwards too: if a recovery failed half way, the kernel calls the processor offline but keeps its
// count, and then a start does nothing and a stop is refused (ErrOnlyCounted).
func (p *Processor) Start(ctx context.Context) error {
	const op = "start"
	return p.run(ctx, op, func() error {
		switch s, err := p.State(); {
		case err != nil:
			return &OpError{Op: op, Processor: p.name, Err: err}
		case s.Up():
			return &OpError{Op: op, Processor: p.name, Kind: ErrRunning, Hint: fmt.Sprintf("state %q, nothing was written", s)}
		case s == StateCrashed:
			return &OpError{Op: op, Processor: p.name, Kind: ErrCrashed, Hint: "recover it, or stop it first"}
		}
		if err := p.write(ctx, "state", "start"); err != nil {
			return p.startError(op, err)
		}
		if s, err := p.State(); err == nil && s == StateOffline {
			return &OpError{Op: op, Processor: p.name, Kind: ErrOnlyCounted,
				Hint: "a recovery may have failed before; unbind its driver and bind it again (its number may change)"}
		}
		return nil
	})
}

const searchPathHint = "the kernel looks in firmware_class.path, /lib/firmware/updates/<release>, /lib/firmware/updates, /lib/firmware/<release>, /lib/firmware"

func (p *Processor) startError(op string, err error) error {
	if _, stateErr := p.attrs.ReadAttr("state"); errors.Is(stateErr, fs.ErrNotExist) || errors.Is(err, syscall.ENODEV) {
		return &OpError{Op: op, Processor: p.name, Kind: ErrGone, Err: err}
	}
	fw, fwErr := p.attrs.ReadAttr("firmware")
	if fwErr != nil {
		fw = "?"
	}
	e := &OpError{Op: op, Processor: p.name, Err: fmt.Errorf("firmware %q: %w", fw, err)}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.Hint = searchPathHint
	case errors.Is(err, syscall.EINVAL):
		e.Kind = fmt.Errorf("the kernel refused the image: %w", ErrBadImage)
		e.Hint = "`offload firmware check` and the kernel log say what is wrong with it"
	case errors.Is(err, syscall.ENOMEM):
		e.Hint = "a carveout or vring could not be allocated or mapped; see the kernel log"
	case errors.Is(err, syscall.EBUSY): // kernels before 5.11 refuse a second start
		e.Kind = ErrRunning
	case errors.Is(err, fs.ErrPermission):
		return p.explain(op, "state", err)
	}
	return e
}

// Stop gives one stop. It returns nil once the processor no longer runs, and an error that wraps ErrHeld if the stop was
// accepted but the processor runs on, because others started it as well. To stop it all the same, call Stop until it
// says nil.
//
// ErrNotRunning: there was nothing to stop. ErrCrashed: this kernel cannot stop a crashed processor; Recover it first.
// ErrStuck: the driver gave up; the processor may still be at work in its memory.
func (p *Processor) Stop(ctx context.Context) error {
	const op = "stop"
	return p.run(ctx, op, func() error {
		if err := p.write(ctx, "state", "stop"); err != nil {
			return p.stopError(op, err)
		}
		// If the state is unreadable, the kernel's word on the write counts.
		if s, err := p.State(); err == nil && (s.Up() || s == StateCrashed) {
			return &OpError{Op: op, Processor: p.name, Kind: ErrHeld,
				Hint: fmt.Sprintf("the state is %q; every start needs a stop of its own", s)}
		}
		return nil
	})
}

func (p *Processor) stopError(op string, err error) error {
	e := &OpError{Op: op, Processor: p.name, Err: err}
	switch {
	case errors.Is(err, syscall.ETIMEDOUT):
		e.Kind = ErrStuck
		e.Hint = "its rpmsg devices are gone although the state reads \"running\"; do not reuse buffers it knows; unbind its driver or reset the board"
	case errors.Is(err, syscall.EINVAL):
		// The kernel's answer, explained by the state after it; not a check before it.
		s, stateErr := p.State()
		switch {
		case stateErr != nil:
		case s == StateCrashed:
			e.Kind = ErrCrashed
			e.Hint = "this kernel cannot stop a crashed processor: recover it, then stop it"
		case !s.Up():
			e.Kind = ErrNotRunning
			e.Hint = fmt.Sprintf("the state is %q", s)
		}
	default:
		return p.explain(op, "state", err)
	}
	return e
}

// Detach leaves an attached processor running without Linux.
func (p *Processor) Detach(ctx context.Context) error {
	const op = "detach"
	return p.run(ctx, op, func() error {
		err := p.write(ctx, "state", "detach")
		switch {
		case err == nil:
			return nil
		case errors.Is(err, syscall.EINVAL):
			e := &OpError{Op: op, Processor: p.name, Err: err, Hint: "the driver must support it"}
			if s, stateErr := p.State(); stateErr == nil && s != StateAttached {
				e.Kind, e.Hint = ErrNotAttached, fmt.Sprintf("the state is %q", s)
			}
			return e
		}
		return p.explain(op, "state", err)
	})
}

// SetFirmware sets the image for the next start: a path relative to the kernel's firmware directories. The kernel looks
// for the file only at the start.
func (p *Processor) SetFirmware(ctx context.Context, name string) error {
	const op = "set firmware"
	if err := checkFirmwarePath(name); err != nil {
		return &OpError{Op: op, Processor: p.name, Err: err}
	}
	return p.set(ctx, op, "firmware", name, "stop the processor first: the image cannot change unless it is offline")
}

// SetRecovery tells the kernel whether to restart the processor after a crash. Enabling it recovers a processor that has
// crashed already.
func (p *Processor) SetRecovery(ctx context.Context, enabled bool) error {
	value := "disabled"
	if enabled {
		value = "enabled"
	}
	return p.set(ctx, "set recovery", "recovery", value, "")
}

// Recover restarts a crashed processor now, whatever Recovery says. For one that has not crashed it does nothing. The
// kernel reports no failure of the restart itself (recovery_store ignores it): read the state afterwards.
func (p *Processor) Recover(ctx context.Context) error {
	return p.set(ctx, "recover", "recovery", "recover", "")
}

// SetCoredumpMode chooses what happens to the memory of the processor when it crashes.
func (p *Processor) SetCoredumpMode(ctx context.Context, mode CoredumpMode) error {
	return p.set(ctx, "set coredump mode", "coredump", string(mode), "a crashed processor keeps its mode: recover or stop it first")
}

func (p *Processor) set(ctx context.Context, op, attr, value, busy string) error {
	return p.run(ctx, op, func() error {
		err := p.write(ctx, attr, value)
		if err == nil {
			return nil
		}
		e := p.explain(op, attr, err)
		if errors.Is(err, syscall.EBUSY) {
			e.Kind, e.Hint = ErrBusy, busy
		}
		return e
	})
}
