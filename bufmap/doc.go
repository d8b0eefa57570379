// SPDX-License-Identifier: Apache-2.0

// Package bufmap turns a buffer, an offset and a length into the address that a processor must use.
//
// The kernel, asked through one of several interfaces ([Translator]), tells where a buffer lies on the bus ([PhysAddr]).
// A processor sees the bus through windows ([Windows]); what it must use is a [DeviceAddr]. The whole buffer must lie in
// one window. A [Map] holds the buffers of a runtime: it finds the buffer behind a CPU pointer, also one into the middle,
// and each [Entry] holds the device address for each processor.
//
// # Lifetime
//
// An attachment, where a translator holds one, keeps the buffer's memory and makes DMA_BUF_IOCTL_SYNC work for the device.
// It is closed by [Entry.Detach] or [Entry.Close]. Addresses carry the generation of the processor's run: after a restart
// the old ones are refused with [ErrStale].
//
// An [Entry] must be closed before its buffer.
//
// # Concurrency
//
// Lookups take no locks and allocate nothing, so that readers never wait for each other or for writers. Changes are
// serialised inside the package; attach and close are serialised per processor because TI's kernels need it.
//
// # Kernel requirements
//
// Each translator has its own, and says errors.ErrUnsupported where they are not met: [RprocAttach] a TI kernel since 6.6
// or this project's module, [DMABufPhys] an older one of TI's or the module, [Pagemap] huge pages, CONFIG_UDMABUF and root,
// [Carveouts] debugfs and root, [Static] nothing. [Known] checks another one's answers. Put Pagemap first: drivers that
// attach refuse its buffers as not contiguous.
package bufmap
