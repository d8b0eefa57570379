// SPDX-License-Identifier: Apache-2.0

package uapi

import "unsafe"

// Arrays of different lengths are different types, so a structure of another size does not compile.
var (
	_ [24]byte = [unsafe.Sizeof(DMAHeapAllocationData{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(DMABufSync{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(DMABufExportSyncFile{})]byte{}
	_ [8]byte  = [unsafe.Sizeof(DMABufImportSyncFile{})]byte{}
	_ [24]byte = [unsafe.Sizeof(UdmabufCreateData{})]byte{}
	_ [24]byte = [unsafe.Sizeof(UdmabufCreateItem{})]byte{}
	_ [8]byte  = [unsafe.Offsetof(UdmabufCreateListData{}.List)]byte{}
	_ [40]byte = [unsafe.Sizeof(RpmsgEndpointInfo{})]byte{}
	_ [16]byte = [unsafe.Sizeof(TIRprocDMABufAttachData{})]byte{}
	_ [8]byte  = [unsafe.Offsetof(TIRprocDMABufAttachData{}.DA)]byte{}
	_ [16]byte = [unsafe.Sizeof(TIDMABufPhysData{})]byte{}
	_ [8]byte  = [unsafe.Offsetof(TIDMABufPhysData{}.Phys)]byte{}
)
