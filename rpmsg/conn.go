// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"context"
	"errors"
)

// Conn is one open endpoint: whole messages in, whole messages out, to one remote address. Send and Recv may be called
// from several goroutines at once. Endpoint is the implementation over a /dev/rpmsgN file; a board brings its own where
// there is no such file.
type Conn interface {
	// Send sends one message of at most MTU bytes. A full ring is back-pressure: Send waits until there is room, ctx ends
	// or the connection dies. The slice is not kept.
	Send(ctx context.Context, msg []byte) error
	// Recv waits for the next message, copies it to buf and returns its length. A buf shorter than the message loses the
	// rest, as read(2) on /dev/rpmsgN does, and is reported as an error that wraps ErrTruncated; buffers of MTU bytes
	// never meet that. A message of no bytes is 0, nil.
	Recv(ctx context.Context, buf []byte) (int, error)
	// MTU is the largest payload in bytes: 496 with the buffers of virtio rpmsg.
	MTU() int
	// Close wakes Send and Recv with os.ErrClosed. It is idempotent.
	Close() error
}

var (
	// ErrPeerGone is returned once the remote processor stopped or crashed, or its endpoint was destroyed (EPIPE and
	// POLLERR of drivers/rpmsg/rpmsg_char.c). The connection stays dead; open a new one after the restart.
	ErrPeerGone = errors.New("the remote endpoint is gone")
	// ErrTooLong is returned by Send for a message longer than MTU.
	ErrTooLong = errors.New("message longer than the endpoint's MTU")
	// ErrTruncated is returned by Recv when the message was longer than the slice given.
	ErrTruncated = errors.New("message longer than the receive buffer, the rest is lost")
)
