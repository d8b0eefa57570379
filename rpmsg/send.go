// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
)

// Back-off of Send while the ring is full: yields first, because the processor frees a buffer within microseconds when it
// is alive, then a timer. There is no POLLOUT to wait for.
const (
	sendYields   = 32
	sendMinPause = 20 * time.Microsecond
	sendMaxPause = time.Millisecond
)

// Send implements Conn.
func (e *Endpoint) Send(ctx context.Context, msg []byte) error {
	if len(msg) > MaxPayload {
		return fmt.Errorf("sending to %s: %d bytes, at most %d: %w: %w", e.name, len(msg), MaxPayload, ErrTooLong, syscall.EMSGSIZE)
	}
	if err := e.state(ctx, "sending to"); err != nil {
		return err
	}
	err := e.write(msg)
	if err == syscall.EAGAIN {
		err = e.sendFull(ctx, msg)
	}
	switch {
	case err == nil:
		return nil
	case err == syscall.EMSGSIZE:
		return fmt.Errorf("sending to %s: %d bytes: %w: %w", e.name, len(msg), ErrTooLong, err)
	}
	return e.fail("sending to", err)
}

// sendFull repeats the write until there is room.
func (e *Endpoint) sendFull(ctx context.Context, msg []byte) error {
	for range sendYields {
		runtime.Gosched()
		if err := e.write(msg); err != syscall.EAGAIN {
			return err
		}
	}
	pause := sendMinPause
	timer := time.NewTimer(pause)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("the ring is full: %w", ctx.Err())
		case <-e.closed:
			return os.ErrClosed
		}
		if err := e.write(msg); err != syscall.EAGAIN {
			return err
		}
		pause = min(2*pause, sendMaxPause)
		timer.Reset(pause)
	}
}

func (e *Endpoint) write(msg []byte) error {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if e.raw < 0 {
		return os.ErrClosed
	}
	n, err := sys.WriteNow(e.raw, msg)
	if err == nil && n != len(msg) {
		return errors.Join(fmt.Errorf("%d of %d bytes went out: this is no message file", n, len(msg)), io.ErrShortWrite)
	}
	return err
}
