// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// MaxPayload is what fits in one virtio rpmsg buffer: 512 bytes less a header of 16 (drivers/rpmsg/virtio_rpmsg_bus.c).
const MaxPayload = 496

var _ Conn = (*Endpoint)(nil)

// Endpoint is an open endpoint file.
type Endpoint struct {
	// Spin is for how long Recv asks again and again before it sleeps. A sleep and wake-up of Go's scheduler costs as
	// much as the whole round trip to a processor; 50 to 200 µs hide it where answers come that soon. Where CPUs are few
	// or busy the usual round trip gets shorter and the slowest ones longer: measure. 0 sleeps at once.
	// Set it before the first Recv.
	Spin time.Duration

	name    string
	file    *os.File
	rc      syscall.RawConn
	destroy bool // Close destroys the kernel's endpoint

	// mu is held for reading around calls that use raw, which never sleep, and for writing by Close.
	mu     sync.RWMutex
	raw    int
	closed chan struct{}
	dead   atomic.Pointer[error] // why the peer is gone; set once

	recv receiver
}

// NewEndpoint returns an endpoint over any descriptor that keeps message boundaries and can be polled. If it succeeds the
// endpoint owns fd, which is set to O_NONBLOCK; else it is still the caller's.
func NewEndpoint(fd int, name string) (*Endpoint, error) {
	if fd < 0 {
		return nil, fmt.Errorf("endpoint %s: descriptor %d: %w", name, fd, syscall.EBADF)
	}
	if err := sys.Pollable(fd); err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	if err := sys.SetNonblock(fd); err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	file := os.NewFile(uintptr(fd), name)
	rc, err := file.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("endpoint %s: %w", name, err)
	}
	e := &Endpoint{name: name, file: file, rc: rc, raw: fd, closed: make(chan struct{})}
	e.recv.init(e)
	return e, nil
}

// Open opens an endpoint file such as /dev/rpmsg0.
func Open(path string) (*Endpoint, error) {
	f, err := sys.Open(path, os.O_RDWR)
	if err != nil {
		switch {
		case errors.Is(err, syscall.EBUSY):
			err = fmt.Errorf("%w (an endpoint has one opener at a time: another process or endpoint holds it)", err)
		case errors.Is(err, syscall.ENETRESET), errors.Is(err, syscall.ENXIO), errors.Is(err, syscall.ENODEV):
			err = fmt.Errorf("%w: %w", ErrPeerGone, err)
		}
		return nil, fmt.Errorf("endpoint: %w", err)
	}
	fd, err := f.Disown()
	if err != nil {
		return nil, err
	}
	e, err := NewEndpoint(fd, path)
	if err != nil {
		return nil, errors.Join(err, sys.Own(fd, path).Close())
	}
	return e, nil
}

// Name is the path or label of the endpoint.
func (e *Endpoint) Name() string { return e.name }

// MTU is MaxPayload.
func (e *Endpoint) MTU() int { return MaxPayload }

// Close implements Conn.
func (e *Endpoint) Close() error {
	e.mu.Lock()
	select {
	case <-e.closed:
		e.mu.Unlock()
		return nil
	default:
	}
	close(e.closed)
	raw := e.raw
	e.raw = -1
	e.mu.Unlock()

	var err error
	if e.destroy {
		// EPIPE and its like: the processor went first and took the endpoint along.
		if err = sys.IoctlNoneOn(raw, uapi.RpmsgDestroyEpt); err != nil && !gone(err) {
			err = fmt.Errorf("endpoint %s: destroying it: %w", e.name, err)
		} else {
			err = nil
		}
	}
	if cerr := e.file.Close(); cerr != nil {
		err = errors.Join(err, fmt.Errorf("endpoint %s: %w", e.name, cerr))
	}
	e.recv.close(e)
	return err
}

// state is the error that every call meets before it does anything, or nil.
func (e *Endpoint) state(ctx context.Context, op string) error {
	select {
	case <-e.closed:
		return fmt.Errorf("%s %s: %w", op, e.name, os.ErrClosed)
	default:
	}
	if p := e.dead.Load(); p != nil {
		return *p
	}
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("%s %s: %w", op, e.name, err)
	}
	return nil
}

// fail describes the error of a read or write, and remembers the death of the peer.
func (e *Endpoint) fail(op string, err error) error {
	select {
	case <-e.closed:
		return fmt.Errorf("%s %s: %w", op, e.name, os.ErrClosed)
	default:
	}
	if gone(err) {
		err = fmt.Errorf("%s %s: %w: %w", op, e.name, ErrPeerGone, err)
		e.dead.CompareAndSwap(nil, &err)
		return err
	}
	return fmt.Errorf("%s %s: %w", op, e.name, err)
}

// gone tells the errnos of a dead peer: EPIPE of rpmsg_char, those of a driver that is being removed, and those of sockets.
func gone(err error) bool {
	var errno syscall.Errno
	if !errors.As(err, &errno) {
		return false
	}
	switch errno {
	case syscall.EPIPE, syscall.ENXIO, syscall.ENODEV, syscall.ENETRESET,
		syscall.ECONNRESET, syscall.ECONNREFUSED, syscall.ESHUTDOWN, syscall.ENOTCONN:
		return true
	}
	return false
}
