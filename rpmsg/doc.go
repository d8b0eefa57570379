// SPDX-License-Identifier: Apache-2.0

// Package rpmsg moves messages to and from endpoints of remote processors, and finds the endpoints.
//
// A [Conn] is one open endpoint. [Endpoint] is the one over a file: /dev/rpmsgN, or any other descriptor that keeps
// message boundaries. [Bus] finds the file by the name of the service, never by its number, which changes with every
// restart of the processor.
//
// # Lifetime
//
// An Endpoint owns its file. /dev/rpmsgN has a single opener, so a forgotten Endpoint locks others out. Close wakes
// everybody with os.ErrClosed, and destroys the endpoint in the kernel if [Bus.Dial] created it. When the processor
// stops or crashes the endpoint dies: Send and Recv return [ErrPeerGone] from then on, and messages that were queued
// are lost (the kernel checks for death before it looks at the queue). With recovery disabled a crash is silent:
// reads block and writes succeed; only a deadline or the processor's state tells.
//
// # Concurrency
//
// All methods may be called from several goroutines. Messages are not mixed up; which of several receivers gets which
// message is not defined. Each receiver has its own context.
//
// # Kernel requirements
//
// CONFIG_RPMSG_CHAR, and CONFIG_RPMSG_CTRL for endpoints of one's own. Writability is never signalled by the virtio
// transport, therefore Send waits with a timer when the ring is full.
package rpmsg
