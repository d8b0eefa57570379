// SPDX-License-Identifier: Apache-2.0

package uapi_test

import (
	"testing"
	"unsafe"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/uapi"
)

func TestMain(m *testing.M) { leak.Main(m) }

// Directions of asm-generic/ioctl.h, from the program's point of view.
const (
	none  = 0
	write = 1
	read  = 2
)

func ioc(dir, magic, nr int, size uintptr) uint32 {
	return uint32(dir)<<30 | uint32(size)<<16 | uint32(magic)<<8 | uint32(nr)
}

// of derives a number from the type of its argument, the way the kernel's headers do.
func of[T any](number uapi.Ioctl[T], dir, magic, nr int) [2]uint32 {
	var arg T
	return [2]uint32{uint32(number), ioc(dir, magic, nr, unsafe.Sizeof(arg))}
}

func TestNumbers(t *testing.T) {
	for name, n := range map[string][2]uint32{
		"DMA_HEAP_IOCTL_ALLOC":           of(uapi.DMAHeapAlloc, read|write, 'H', 0),
		"DMA_BUF_IOCTL_SYNC":             of(uapi.DMABufIoctlSync, write, 'b', 0),
		"DMA_BUF_SET_NAME_A":             {uint32(uapi.DMABufSetNameA), ioc(write, 'b', 1, 4)},
		"DMA_BUF_SET_NAME_B":             {uint32(uapi.DMABufSetNameB), ioc(write, 'b', 1, 8)},
		"DMA_BUF_IOCTL_EXPORT_SYNC_FILE": of(uapi.DMABufIoctlExportSyncFile, read|write, 'b', 2),
		"DMA_BUF_IOCTL_IMPORT_SYNC_FILE": of(uapi.DMABufIoctlImportSyncFile, write, 'b', 3),
		"UDMABUF_CREATE":                 of(uapi.UdmabufCreate, write, 'u', 0x42),
		"UDMABUF_CREATE_LIST": {uint32(uapi.UdmabufCreateList),
			ioc(write, 'u', 0x43, unsafe.Offsetof(uapi.UdmabufCreateListData{}.List))},
		"RPMSG_CREATE_EPT_IOCTL":  of(uapi.RpmsgCreateEpt, write, 0xb5, 1),
		"RPMSG_DESTROY_EPT_IOCTL": {uint32(uapi.RpmsgDestroyEpt), ioc(none, 0xb5, 2, 0)},
		"RPMSG_CREATE_DEV_IOCTL":  of(uapi.RpmsgCreateDev, write, 0xb5, 3),
		"RPMSG_RELEASE_DEV_IOCTL": of(uapi.RpmsgReleaseDev, write, 0xb5, 4),
		"RPMSG_GET_OUTGOING_FLOWCONTROL": of(uapi.RpmsgGetOutgoingFlowcontrol,
			read, 0xb5, 5),
		"RPMSG_SET_INCOMING_FLOWCONTROL": {uint32(uapi.RpmsgSetIncomingFlowcontrol), ioc(read, 0xb5, 6, 4)},
		"RPROC_SET_SHUTDOWN_ON_RELEASE":  of(uapi.RprocSetShutdownOnRelease, write, 0xb7, 1),
		"RPROC_GET_SHUTDOWN_ON_RELEASE":  of(uapi.RprocGetShutdownOnRelease, read, 0xb7, 2),
		"RPROC_IOC_DMA_BUF_ATTACH":       of(uapi.TIRprocDMABufAttach, read|write, 0xb7, 0),
		"DMA_BUF_PHYS_IOC_CONVERT":       of(uapi.TIDMABufPhysConvert, read|write, 'D', 0),
	} {
		if n[0] != n[1] {
			t.Errorf("%s is %#08x, derived %#08x", name, n[0], n[1])
		}
	}
}

func TestLayout(t *testing.T) {
	var (
		heap uapi.DMAHeapAllocationData
		udma uapi.UdmabufCreateData
		item uapi.UdmabufCreateItem
		list uapi.UdmabufCreateListData
		ept  uapi.RpmsgEndpointInfo
		ti   uapi.TIRprocDMABufAttachData
		phys uapi.TIDMABufPhysData
	)
	for _, test := range []struct {
		name      string
		got, want uintptr
	}{
		{"heap.FD", unsafe.Offsetof(heap.FD), 8},
		{"heap.FDFlags", unsafe.Offsetof(heap.FDFlags), 12},
		{"heap.HeapFlags", unsafe.Offsetof(heap.HeapFlags), 16},
		{"udmabuf.Flags", unsafe.Offsetof(udma.Flags), 4},
		{"udmabuf.Offset", unsafe.Offsetof(udma.Offset), 8},
		{"udmabuf.Size", unsafe.Offsetof(udma.Size), 16},
		{"item.Offset", unsafe.Offsetof(item.Offset), 8},
		{"item.Size", unsafe.Offsetof(item.Size), 16},
		{"list.Count", unsafe.Offsetof(list.Count), 4},
		{"list", unsafe.Sizeof(list), 8 + uapi.UdmabufListMax*24},
		{"endpoint.Src", unsafe.Offsetof(ept.Src), 32},
		{"endpoint.Dst", unsafe.Offsetof(ept.Dst), 36},
		{"attach.DA", unsafe.Offsetof(ti.DA), 8},
		{"phys.Phys", unsafe.Offsetof(phys.Phys), 8},
	} {
		if test.got != test.want {
			t.Errorf("%s is at %d, want %d", test.name, test.got, test.want)
		}
	}
}
