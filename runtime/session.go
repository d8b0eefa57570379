// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offload-runtime/offload/firmware"
	"github.com/offload-runtime/offload/internal/wire"
	"github.com/offload-runtime/offload/rpmsg"
)

// hostCacheLine is told to the firmware: the longest outer cache line of the hosts that have remote processors.
const hostCacheLine = 64

// SessionConfig says what to run on which processor. Only Processor is needed.
type SessionConfig struct {
	Processor string
	// Image is a firmware file to install and start. Firmware is its name, or, without Image, the name of an installed one.
	// With neither, the session uses a running processor, or starts the firmware that the processor is set to.
	Image    []byte
	Firmware string
	// Replace stops a processor that runs already, when Image or Firmware is given. Without it that is an error.
	Replace bool
	// KeepRunning leaves the processor running at Close. A processor that ran before the session always stays running.
	KeepRunning bool
	// Service is the RPMsg service of the protocol; "" is "offload".
	Service string
	// Window is how many requests may be open at most; the firmware may allow fewer. 0 is 64, which is also the most.
	Window int
	// RecoveryTime is how long after the death of the processor calls wait for it to come back; then the session is lost and
	// calls fail at once. 0 is 10 s; negative: the session is lost at once.
	RecoveryTime time.Duration
	// Recovery says who restarts a processor that died.
	Recovery Recovery
	// RestartLimit is how many times in a minute RecoverRestart restarts the processor; then the session is lost. 0 is 5.
	RestartLimit int
	// Heartbeat: a firmware that sends heartbeats counts as dead when nothing has come from it for so long. 0: never.
	// Some drivers never report a crash, TI's for K3 among them.
	Heartbeat time.Duration
	// CrashDir is where crash reports are saved, each in a directory of its own; "" saves none.
	CrashDir string
	// Idempotent tells which methods may be called again, once, when the processor died with a call of theirs open. nil: none.
	Idempotent func(method string) bool
	// Watch is how often the processor's state is read, because some crashes show nowhere else. 0 is 250 ms.
	Watch time.Duration
}

// Recovery is a policy for processors that die.
type Recovery uint8

const (
	// RecoverWait waits for the kernel, or somebody else, to restart the processor.
	RecoverWait Recovery = iota
	// RecoverRestart restarts a processor that crashed and is not restarted by the kernel, that is silent (Heartbeat), or that
	// came back and does not answer hello. One that was stopped on purpose stays stopped.
	RecoverRestart
)

// Session is one processor with its firmware, from start to stop.
type Session struct {
	rt    *Runtime
	proc  *processor
	cfg   SessionConfig
	log   *slog.Logger
	began time.Time

	started atomic.Bool // the processor, by this session
	stopped sync.Once
	calls   chan *call
	args    chan *Args
	notes   chan Notification
	dropped atomic.Uint64

	link atomic.Pointer[link] // nil while there is none

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced when link or lost changes
	lost     error         // no link will come any more
	restarts []time.Time   // of the last minute; belongs to recover
	closed   bool

	life      context.Context // ends with Close
	end       context.CancelFunc
	receivers sync.WaitGroup
	helpers   helperGroup
}

// Start starts firmware on a processor and opens the conversation with it. ctx bounds the start, not the session.
func (rt *Runtime) Start(ctx context.Context, c SessionConfig) (*Session, error) {
	p, err := rt.processor(c.Processor)
	if err != nil {
		return nil, fmt.Errorf("starting a session: %w", err)
	}
	if c.Window < 0 || c.Window > maxWindow {
		return nil, fmt.Errorf("starting a session on %s: window of %d, at most %d: %w", c.Processor, c.Window, maxWindow, os.ErrInvalid)
	}
	if c.Window == 0 {
		c.Window = maxWindow
	}
	if c.Recovery > RecoverRestart || c.RestartLimit < 0 || c.Heartbeat < 0 {
		return nil, fmt.Errorf("starting a session on %s: recovery %d, restart limit %d, heartbeat %v: %w",
			c.Processor, c.Recovery, c.RestartLimit, c.Heartbeat, os.ErrInvalid)
	}
	if c.RestartLimit == 0 {
		c.RestartLimit = 5
	}
	if c.Service == "" {
		c.Service = wire.Service
	}
	if c.RecoveryTime == 0 {
		c.RecoveryTime = 10 * time.Second
	}
	if c.Watch <= 0 {
		c.Watch = 250 * time.Millisecond
	}
	s := &Session{
		rt: rt, proc: p, cfg: c, log: rt.log.With("processor", p.info.Name), began: time.Now(),
		calls: make(chan *call, maxWindow), args: make(chan *Args, maxWindow), notes: make(chan Notification, notificationQueue),
		changed: make(chan struct{}),
	}
	s.life, s.end = context.WithCancel(context.WithoutCancel(ctx))
	rt.mu.Lock()
	if rt.closed {
		rt.mu.Unlock()
		s.end()
		return nil, fmt.Errorf("starting a session on %s: runtime: %w", p.info.Name, os.ErrClosed)
	}
	rt.sessions[s] = struct{}{}
	rt.mu.Unlock()
	if err := s.boot(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("starting a session on %s: %w", p.info.Name, err), s.Close(), s.stop())
	}
	s.helpers.Go(s.watch)
	return s, nil
}

// boot brings the processor to run and connects.
func (s *Session) boot(ctx context.Context) error {
	rp := s.proc.Remoteproc()
	state, err := rp.State()
	if err != nil {
		return err
	}
	name := s.cfg.Firmware
	if s.cfg.Image != nil || name != "" {
		if state != firmware.StateOffline {
			if !s.cfg.Replace {
				return fmt.Errorf("%w (%s); stop it first, or let the session replace its firmware", firmware.ErrRunning, state)
			}
			if err := s.halt(ctx); err != nil {
				return err
			}
			state = firmware.StateOffline
		}
		if s.cfg.Image != nil {
			if name == "" {
				name = "offload-" + s.proc.info.Name + ".elf"
			}
			if name, err = s.proc.Install(name, s.cfg.Image); err != nil {
				return err
			}
		}
		if err := rp.SetFirmware(ctx, name); err != nil {
			return err
		}
	}
	if state == firmware.StateOffline {
		err := rp.Start(ctx)
		if err == nil || ctx.Err() != nil { // a start that nobody waits for any more may still succeed
			s.started.Store(true)
		}
		if err != nil {
			return err
		}
	}
	return s.connect(ctx)
}

// connect opens a link to a processor that runs.
func (s *Session) connect(ctx context.Context) error {
	conn, err := s.proc.Dial(ctx, s.cfg.Service)
	if err != nil {
		return err
	}
	return s.open(ctx, conn)
}

// open begins the conversation on a new endpoint and publishes the link. On error the endpoint is closed.
func (s *Session) open(ctx context.Context, conn rpmsg.Conn) error {
	l := newLink(s, conn, s.proc.target.Generation())
	if err := l.hello(ctx, s.cfg.Window, time.Since(s.began)); err != nil {
		l.fail("no hello", err)
		return errors.Join(fmt.Errorf("talking to service %q: %w", s.cfg.Service, err), conn.Close())
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return errors.Join(fmt.Errorf("session: %w", os.ErrClosed), l.close())
	}
	s.link.Store(l)
	s.wakeLocked()
	s.mu.Unlock()
	if !l.alive() { // it died before it was published, so down did not see it
		s.down(l)
	}
	return nil
}

// wakeLocked tells those who wait for a change of link or lost.
func (s *Session) wakeLocked() {
	close(s.changed)
	s.changed = make(chan struct{})
}

// current returns the link, waiting for one under ctx.
func (s *Session) current(ctx context.Context) (*link, error) {
	for {
		if l := s.link.Load(); l != nil {
			return l, nil
		}
		s.mu.Lock()
		changed, lost, closed := s.changed, s.lost, s.closed
		s.mu.Unlock()
		switch {
		case s.link.Load() != nil:
			continue
		case closed:
			return nil, fmt.Errorf("session: %w", os.ErrClosed)
		case lost != nil:
			return nil, lost
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the processor to come back: %w", ctx.Err())
		}
	}
}

// Processor is the name of the processor.
func (s *Session) Processor() string { return s.proc.info.Name }

// Generation counts the runs of the processor that this runtime has seen, from 1.
func (s *Session) Generation() uint32 { return s.proc.target.Generation() }

// Remote is what the firmware said of itself. It is zero while there is no connection.
func (s *Session) Remote() RemoteInfo {
	if l := s.link.Load(); l != nil {
		return l.remote
	}
	return RemoteInfo{}
}

// Trace returns the text of the firmware's trace buffer.
func (s *Session) Trace() (string, error) { return s.proc.Trace() }

// traceTail is how many lines of trace a CrashError carries.
const traceTail = 8

func (s *Session) deathError(l *link, reason string, cause error) error {
	if errors.Is(cause, os.ErrClosed) {
		return fmt.Errorf("session on %s: %w", s.proc.info.Name, os.ErrClosed)
	}
	e := &CrashError{Processor: s.proc.info.Name, Generation: l.generation, Reason: reason, Cause: cause}
	text, err := s.proc.Trace()
	if err == nil {
		lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
		for _, t := range lines[max(0, len(lines)-traceTail):] {
			e.Trace = append(e.Trace, printable([]byte(t)))
		}
	}
	if s.cfg.CrashDir != "" {
		if e.Report, err = s.beginReport(l, e, text); err != nil {
			s.log.Error("writing the crash report", "error", err)
		}
	}
	return e
}

// report logs an error that no caller is there to see.
func (s *Session) report(err error) {
	if err != nil {
		s.log.Error("giving a buffer back", "error", err)
	}
}

// Close ends the session: calls that are open fail with os.ErrClosed, and a processor that the session started is stopped,
// unless KeepRunning says otherwise. It is idempotent.
func (s *Session) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	l := s.link.Swap(nil)
	s.wakeLocked()
	s.mu.Unlock()
	s.end()

	var errs []error
	if l != nil {
		errs = append(errs, l.close())
	}
	s.helpers.Wait()
	s.receivers.Wait()
	close(s.notes)
	errs = append(errs, s.stop())
	s.rt.mu.Lock()
	delete(s.rt.sessions, s)
	s.rt.mu.Unlock()
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing the session on %s: %w", s.proc.info.Name, err)
	}
	return nil
}

// stopTime bounds the stop of a processor at Close. Drivers wait for the firmware for about a second.
const stopTime = 10 * time.Second

// stop stops the processor if this session started it, once.
func (s *Session) stop() (err error) {
	if !s.started.Load() || s.cfg.KeepRunning {
		return nil
	}
	s.stopped.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), stopTime)
		defer cancel()
		if err = s.halt(ctx); errors.Is(err, firmware.ErrGone) {
			err = nil
		}
	})
	return err
}

// halt stops the processor, whoever started it, and gives its buffers back.
func (s *Session) halt(ctx context.Context) error {
	rp := s.proc.Remoteproc()
	generation := s.proc.target.Generation()
	if err := rp.Settle(ctx); err != nil {
		return err
	}
	state, err := rp.State()
	if err == nil && state != firmware.StateOffline {
		err = rp.Stop(ctx)
	}
	if err != nil {
		return err
	}
	return s.proc.stood(generation)
}
