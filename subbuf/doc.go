// SPDX-License-Identifier: Apache-2.0

// Package subbuf gives a part of a buffer to a processor, so that cache maintenance costs what the part costs.
//
// DMA_BUF_IOCTL_SYNC has no range: a bracket around 4 KiB of a 64 MiB buffer costs a pass over 64 MiB. A sub-buffer
// ([Sub]) is therefore a buffer of its own, filled by copy, worked on by the processor, and copied back by [Sub.Commit].
// Where it is correct and cheaper the parent itself is handed out instead, with an offset ([Share]); [Auto] decides with
// a [CostModel], and [Sub.Explain] says why. The part is a [Range] or a [Rect] as in clEnqueueCopyBufferRect.
//
// A [Set] holds the sub-buffers of one parent. It refuses one that overlaps a live one when either of the two is written
// by its processor: the order of their commits would decide what the parent holds.
//
// # Lifetime
//
// A Sub lives until [Sub.Close], which does not write back: what was not committed is discarded. The parent must outlive its sub-buffers:
// [Set.Close], and Close of a Sub that is a parent itself, refuse with [ErrLive] while one is open, so that no result is
// lost by closing in the wrong order; [Set.CloseChildren] closes them newest first where that is wanted. If the parent's
// memory is closed all the same, Commit and Refresh return its error, and the copies stay readable until their own Close.
//
// # Concurrency
//
// All methods may be called from several goroutines. Copies of different sub-buffers run at the same time; operations on
// one sub-buffer wait for each other. The set's brackets on the parent are joined: a START that would throw away what
// another goroutine has just written waits for its END. That holds for brackets opened through this package; a bracket
// that somebody opens on the parent directly must not overlap in time with transfers of its sub-buffers.
//
// # Kernel requirements
//
// None of its own: it works on any [Memory].
package subbuf
