// SPDX-License-Identifier: Apache-2.0

package uapi

// Documentation/admin-guide/mm/pagemap.rst: /proc/PID/pagemap holds one 64 bit word in host order for each page of the address space.

const (
	PagemapEntrySize = 8
	PagemapPFNMask   = 1<<55 - 1 // zero without CAP_SYS_ADMIN and for VM_PFNMAP mappings
	PagemapSwapped   = 1 << 62
	PagemapPresent   = 1 << 63
)
