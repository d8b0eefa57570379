// SPDX-License-Identifier: Apache-2.0

// Package dmabuf holds heaps and buffers: one Go object for each kernel object.
//
// A [Heap] is one node of /dev/dma_heap. A [Buffer] is one DMA-BUF, whoever exported it: a heap, another driver whose
// file descriptor was imported, or a simulated board. As in the kernel, a buffer is a plain structure with the
// operations of its exporter ([Ops]) behind it.
//
// # CPU access
//
// The bytes of a buffer are visible only inside a bracket: [Buffer.View], or [Buffer.Begin] and [Buffer.End]. A bracket
// issues DMA_BUF_IOCTL_SYNC at both ends. A caller that keeps track of who touched the buffer last, as package runtime
// does, opens the bracket with [Buffer.Open] and [Buffer.Shut], which issue nothing, and calls [Buffer.SyncStart] and
// [Buffer.SyncEnd] when ownership really changes.
//
// [Buffer.SetChecked] turns a bracket into a fence: outside of one the mapping has no access rights, so that an
// unbracketed access faults instead of reading stale bytes.
//
// # Lifetime
//
// A Buffer owns its file descriptor and its one mapping of the whole buffer. Close is idempotent; it unmaps and releases
// them. The kernel keeps the memory for as long as a device attachment or another file descriptor refers to it.
//
// # Concurrency
//
// All methods may be called from several goroutines. Brackets nest: the mapping is accessible while at least one is open.
// SYNC is cache maintenance for the whole buffer, not mutual exclusion (drivers/dma-buf/dma-buf.c).
//
// # Kernel requirements
//
// CONFIG_DMABUF_HEAPS and read access to the heap nodes for allocation; nothing for imported buffers.
package dmabuf
