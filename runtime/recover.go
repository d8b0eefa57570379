// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// strand keeps the buffers of a call whose link died, in the given generation, until the processor is known to stand still:
// the endpoint dies before the processor stops (rproc_stop in drivers/remoteproc/remoteproc_core.c), which may write to them
// until then.
func (p *processor) strand(generation uint32, c *call) error {
	for _, b := range c.refs {
		b.abandon(c.ticket)
	}
	p.mu.Lock()
	if generation <= p.over {
		p.mu.Unlock()
		return c.release()
	}
	p.limbo = append(p.limbo, stranded{c.ticket, append([]*Buffer(nil), c.refs...)})
	p.mu.Unlock()
	var errs []error
	for _, b := range c.spills {
		errs = append(errs, b.Close())
	}
	c.forget()
	return errors.Join(errs...)
}

// stranded is the buffers of one call.
type stranded struct {
	ticket uint64
	refs   []*Buffer
}

// stood says that the processor has stopped, or runs anew, since the given generation began: addresses from before are
// refused, and nothing writes to the buffers of its calls any more. Several sessions may notice the same.
func (p *processor) stood(generation uint32) error {
	p.mu.Lock()
	if generation <= p.over {
		p.mu.Unlock()
		return nil
	}
	p.over = generation
	limbo := p.limbo
	p.limbo = nil
	p.target.Expire()
	p.mu.Unlock()
	errs := []error{p.rt.letGo(p)}
	for _, x := range limbo {
		for _, b := range x.refs {
			errs = append(errs, b.release(x.ticket))
		}
	}
	return errors.Join(errs...)
}

// down is called when a link has died. The session looks for the processor to come back.
func (s *Session) down(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.link.CompareAndSwap(l, nil) {
		return
	}
	s.log.Warn("processor died", "error", l.err, "generation", l.generation)
	if s.cfg.RecoveryTime < 0 {
		s.lost = l.err
	}
	s.wakeLocked()
	s.helpers.Go(func() { s.recover(l) })
}

// watch reads the state of the processor, because a crash with recovery disabled shows on no endpoint: reads block, writes
// go nowhere (kernel-side: rproc_crash_handler_work leaves the subdevices alone then).
func (s *Session) watch() {
	t := time.NewTicker(s.cfg.Watch)
	defer t.Stop()
	for {
		select {
		case <-s.life.Done():
			return
		case <-t.C:
		}
		l := s.link.Load()
		if l == nil {
			continue
		}
		if state, err := s.proc.Remoteproc().State(); err == nil && state == firmware.StateCrashed {
			l.fail("its state reads crashed", firmware.ErrCrashed)
			s.report(l.conn.Close())
		} else if silent := time.Since(s.began) - time.Duration(l.heard.Load()); s.cfg.Heartbeat > 0 &&
			l.features&wire.FeatureBeat != 0 && silent > s.cfg.Heartbeat {
			l.fail(fmt.Sprintf("no heartbeat for %v", silent.Round(time.Millisecond)), errSilent)
			s.report(l.conn.Close())
		}
	}
}

// recover waits until the processor runs anew, then connects.
func (s *Session) recover(l *link) {
	s.report(l.conn.Close())
	limit := s.cfg.RecoveryTime
	if limit < 0 {
		limit = stopTime // the session is lost, but its buffers want to be free
	}
	ctx, cancel := context.WithTimeout(s.life, limit)
	defer cancel()
	rp := s.proc.Remoteproc()
	wait := time.NewTimer(0)
	defer wait.Stop()
	pause, died := time.Millisecond, time.Now()
	var last error
	mute := 0
	for {
		select {
		case <-ctx.Done():
			s.lose(l, fmt.Errorf("it did not come back within %v (%w)", s.cfg.RecoveryTime, firstOf(last, ctx.Err())))
			return
		case <-wait.C:
		}
		state, err := rp.State()
		last = err
		if state == firmware.StateOffline {
			s.report(s.proc.stood(l.generation))
		}
		if err == nil && (s.ours(l, state, time.Since(died)) || mute >= muteTries && s.cfg.Recovery == RecoverRestart) {
			mute = 0
			if last = s.restart(ctx, l); errors.Is(last, errTooOften) {
				s.lose(l, last)
				return
			}
			state, err = rp.State()
		}
		if err == nil && (state == firmware.StateRunning || state == firmware.StateAttached) {
			if last = s.reconnect(ctx, l); last == nil {
				return
			}
			if errors.Is(last, errMute) {
				mute++
			}
		}
		pause = min(2*pause, 50*time.Millisecond)
		wait.Reset(pause)
	}
}

// reconnect opens a link to a processor that may run anew.
func (s *Session) reconnect(ctx context.Context, l *link) error {
	if s.cfg.RecoveryTime < 0 {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.lost
	}
	attempt, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	conn, err := s.proc.Dial(attempt, s.cfg.Service)
	if err != nil {
		return err
	}
	if ended(l.err) {
		s.report(s.proc.stood(l.generation))
	}
	if err := s.open(attempt, conn); err != nil {
		if attempt.Err() != nil && ctx.Err() == nil {
			return fmt.Errorf("%w: %w", errMute, err)
		}
		return err
	}
	s.log.Info("processor is back", "generation", s.proc.target.Generation())
	return nil
}

// ended tells whether the run of a link that died so is over once its service is announced again: the kernel removes the
// endpoint before it stops the processor, and announces after the new start. A processor that was merely silent may be the
// same as before, and may still write to its buffers.
func ended(err error) bool {
	return errors.Is(err, rpmsg.ErrPeerGone) || errors.Is(err, firmware.ErrCrashed) || errors.Is(err, bufmap.ErrStale)
}

var (
	// errSilent is the cause of a death by missing heartbeats.
	errSilent = errors.New("firmware is silent")
	// errMute is a processor that announced its service and does not answer.
	errMute = errors.New("firmware does not answer")
	// errTooOften ends RecoverRestart.
	errTooOften = errors.New("it was restarted too often")
)

// lose ends the session's hope: calls fail at once from now on.
func (s *Session) lose(l *link, why error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.lost != nil || s.closed {
		return
	}
	s.lost = fmt.Errorf("%w; %w", l.err, why)
	s.log.Error("session lost", "error", s.lost)
	s.wakeLocked()
}

// muteTries is how many attempts to talk to a processor that came back, of a second each, may go without an answer before
// RecoverRestart restarts it: messages may be lost.
const muteTries = 2

// kernelTime is how long a kernel whose recovery is enabled may take to begin it.
const kernelTime = time.Second

// ours tells whether it is for this session to restart the processor.
func (s *Session) ours(l *link, state firmware.State, since time.Duration) bool {
	if s.cfg.Recovery != RecoverRestart || s.proc.target.Generation() != l.generation {
		return false
	}
	if state == firmware.StateCrashed {
		byKernel, err := s.proc.Remoteproc().Recovery()
		return err != nil || !byKernel || since > kernelTime
	}
	return errors.Is(l.err, errSilent) && state.Up()
}

// restart stops and starts the processor, RestartLimit times a minute at most.
func (s *Session) restart(ctx context.Context, l *link) error {
	now := time.Now()
	kept := s.restarts[:0]
	for _, t := range s.restarts {
		if now.Sub(t) < time.Minute {
			kept = append(kept, t)
		}
	}
	if s.restarts = kept; len(kept) >= s.cfg.RestartLimit {
		return fmt.Errorf("%w: %d times in a minute", errTooOften, len(kept))
	}
	s.restarts = append(s.restarts, now)
	s.log.Warn("restarting the processor", "generation", l.generation)
	rp := s.proc.Remoteproc()
	generation := s.proc.target.Generation()
	err := rp.Stop(ctx)
	if errors.Is(err, firmware.ErrCrashed) { // kernels before 6.12.117 cannot stop a crashed processor
		err = rp.Recover(ctx)
	} else if err == nil || errors.Is(err, firmware.ErrNotRunning) {
		if err = s.proc.stood(generation); err == nil {
			err = rp.Start(ctx)
		}
	}
	return err
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
