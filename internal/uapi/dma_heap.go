// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/dma-heap.h

// DMAHeapAllocationData is struct dma_heap_allocation_data. FD must be zero on entry.
type DMAHeapAllocationData struct {
	_         structs.HostLayout
	Len       uint64
	FD        uint32
	FDFlags   uint32 // O_CLOEXEC and the access mode
	HeapFlags uint64 // must be 0
}

// DMAHeapAlloc is DMA_HEAP_IOCTL_ALLOC.
const DMAHeapAlloc Ioctl[DMAHeapAllocationData] = 0xC0184800
