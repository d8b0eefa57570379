// SPDX-License-Identifier: Apache-2.0

// Package runtime hands work to another processor on the same chip without copying the data.
//
// A [Runtime] stands on a [Board]: the devices of a Linux kernel, or a simulated board of package sim. It allocates
// [Buffer]s from the board's heaps, starts a [Session] on a processor, and calls methods of its firmware with scalars,
// strings, bytes and ranges of buffers ([Ref]).
//
//	heap ──Alloc──▶ Buffer ──In, Out──▶ Ref ──Call──▶ remote function
//
// # Ownership
//
// A buffer belongs to the CPU or to processors. CPU bytes are visible only inside a bracket ([Buffer.View], or
// [Buffer.Begin] and [Buffer.End]). The runtime remembers whose copy of the bytes is newer, the CPU's caches or memory, and
// issues DMA_BUF_IOCTL_SYNC only when that changes hands: a buffer that goes from call to call is never synchronised. A
// bracket on a buffer that a call is using, and a call on a buffer with an open bracket, fail with [ErrBusy] where one of
// the two writes. [Buffer.BeginContext] waits instead.
//
// # Memory
//
// [AllocConfig] names a heap or says what is needed: which processors, contiguous, on-chip, secure, what the CPU does.
// [Runtime.Explain] says why a heap was chosen and the others were not. Memory of closed buffers rests, attached and mapped,
// and is zeroed in the background; the next buffer of about that size has it in microseconds ([ReuseConfig]). [PoolConfig]
// reserves buffers at the start, [Quota] limits them. docs/coherence.md says what to use when.
//
// # Calls that end early
//
// A call returns when its context ends, whatever the remote does. Its buffers stay with the remote ([ErrQuarantined]) until
// the answer comes, the processor is restarted or its stop is confirmed: the remote may still write to them.
//
// # A processor that dies
//
// Every call in flight fails with an error that is [ErrCrashed]. The session waits for the restart, opens the endpoint
// again, and goes on in a new generation; calls made meanwhile wait for it under their contexts. Addresses of an earlier
// generation are never sent.
//
// # Lifetime and concurrency
//
// All methods may be called from several goroutines. Close a buffer when it is no longer used, a session to stop its
// processor, and the runtime last; each Close is idempotent. A buffer that is closed while a call uses it is freed when the
// remote has let go of it.
package runtime
