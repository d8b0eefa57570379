// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
)

// receiver is the receiving side of an endpoint. One goroutine at a time holds it; the others queue on lock, where each
// waits for its own context. That keeps the one deadline that Go's poller has for a file in one hand.
type receiver struct {
	lock chan struct{}

	// What follows belongs to the holder of lock.

	scratch [MaxPayload]byte // takes messages for slices that are too short
	ready   func(uintptr) bool
	buf     []byte // in and out of ready
	n       int
	err     error

	// armed watches one context. It stays between calls that come with the same one, so that a reader's loop does not
	// pay for it each time.
	armed struct {
		done <-chan struct{}
		stop func() bool // nil when nothing is armed
	}
	expire func()
	fired  chan struct{} // expire ran to its end
}

func (r *receiver) init(e *Endpoint) {
	r.lock = make(chan struct{}, 1)
	r.fired = make(chan struct{}, 1)
	r.ready = func(fd uintptr) bool {
		r.n, r.err = sys.ReadNow(int(fd), r.buf)
		return r.err != syscall.EAGAIN
	}
	r.expire = func() {
		// Any moment in the past wakes the poller's waiter; on a closed file there is none left.
		_ = e.file.SetReadDeadline(time.Unix(1, 0))
		r.fired <- struct{}{}
	}
}

// Recv implements Conn.
func (e *Endpoint) Recv(ctx context.Context, buf []byte) (int, error) {
	const op = "receiving from"
	if err := e.state(ctx, op); err != nil {
		return 0, err
	}
	r := &e.recv
	select {
	case r.lock <- struct{}{}:
	default:
		select {
		case r.lock <- struct{}{}:
		case <-ctx.Done():
			return 0, fmt.Errorf("%s %s: %w", op, e.name, ctx.Err())
		case <-e.closed:
			return 0, fmt.Errorf("%s %s: %w", op, e.name, os.ErrClosed)
		}
	}
	defer func() { r.buf = nil; <-r.lock }()

	r.buf = buf
	if len(buf) < MaxPayload {
		r.buf = r.scratch[:]
	}
	if err := e.receive(ctx); err != nil {
		if cerr := ctx.Err(); cerr != nil && errors.Is(err, cerr) {
			return 0, fmt.Errorf("%s %s: %w", op, e.name, err)
		}
		return 0, e.fail(op, err)
	}
	if len(buf) < MaxPayload {
		if n := copy(buf, r.scratch[:r.n]); n < r.n {
			return n, fmt.Errorf("%s %s: %d bytes into %d: %w", op, e.name, r.n, n, ErrTruncated)
		}
	}
	return r.n, nil
}

// receive reads one message to r.buf.
func (e *Endpoint) receive(ctx context.Context) error {
	err := e.tryRead()
	if err == syscall.EAGAIN && e.Spin > 0 {
		err = e.spin(ctx)
	}
	for err == syscall.EAGAIN {
		err = e.sleep(ctx)
	}
	return err
}

// tryRead is one read that does not wait.
func (e *Endpoint) tryRead() error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.raw < 0 {
		return os.ErrClosed
	}
	e.recv.n, e.recv.err = sys.ReadNow(e.raw, e.recv.buf)
	return e.recv.err
}

func (e *Endpoint) spin(ctx context.Context) error {
	for end := time.Now().Add(e.Spin); ; {
		// On a single CPU the answer may need this very thread to come about.
		runtime.Gosched()
		err := e.tryRead()
		if err != syscall.EAGAIN {
			return err
		}
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		if !time.Now().Before(end) {
			return err
		}
	}
}

// sleep waits in Go's poller. It returns EAGAIN when it was woken for nothing.
func (e *Endpoint) sleep(ctx context.Context) error {
	r := &e.recv
	r.arm(e, ctx)
	r.err = syscall.EAGAIN
	err := e.rc.Read(r.ready)
	switch {
	case err == nil:
		return r.err
	case errors.Is(err, os.ErrDeadlineExceeded):
		r.disarm(e)
		if cerr := ctx.Err(); cerr != nil {
			return cerr
		}
		return syscall.EAGAIN // the deadline of a context that was let go
	}
	// A dead endpoint polls as POLLERR and nothing else, which Go's poller reports as "not pollable"; so does a closed one
	// in its own words. The read has the true reason.
	if rerr := e.tryRead(); rerr != syscall.EAGAIN {
		return rerr
	}
	return err
}

// arm has the end of ctx wake the poller.
func (r *receiver) arm(e *Endpoint, ctx context.Context) {
	done := ctx.Done()
	if r.armed.stop != nil {
		if r.armed.done == done {
			return
		}
		r.disarm(e)
	}
	if done != nil {
		r.armed.done, r.armed.stop = done, context.AfterFunc(ctx, r.expire)
	}
}

// disarm leaves the poller without a deadline, whether the context ended or not.
func (r *receiver) disarm(e *Endpoint) {
	if r.armed.stop == nil {
		return
	}
	if !r.armed.stop() {
		<-r.fired
		_ = e.file.SetReadDeadline(time.Time{})
	}
	r.armed.done, r.armed.stop = nil, nil
}

// close waits for the holder of lock, which the closed file has woken, and lets go of its context.
func (r *receiver) close(e *Endpoint) {
	r.lock <- struct{}{}
	r.disarm(e)
	<-r.lock
}
