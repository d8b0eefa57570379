// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/dma-buf.h

// DMABufSync is struct dma_buf_sync.
type DMABufSync struct {
	_     structs.HostLayout
	Flags uint64
}

// Flags of DMABufSync. START is the absence of END.
const (
	DMABufSyncRead  = 1
	DMABufSyncWrite = 2
	DMABufSyncStart = 0
	DMABufSyncEnd   = 4
)

// DMABufNameLen is DMA_BUF_NAME_LEN: a name has at most 31 bytes and a NUL.
const DMABufNameLen = 32

// DMABufExportSyncFile is struct dma_buf_export_sync_file.
type DMABufExportSyncFile struct {
	_     structs.HostLayout
	Flags uint32
	FD    int32
}

// DMABufImportSyncFile is struct dma_buf_import_sync_file.
type DMABufImportSyncFile struct {
	_     structs.HostLayout
	Flags uint32
	FD    int32
}

const (
	// DMABufIoctlSync is DMA_BUF_IOCTL_SYNC.
	DMABufIoctlSync Ioctl[DMABufSync] = 0x40086200

	// DMABufSetNameA and DMABufSetNameB are DMA_BUF_SET_NAME with the size of a pointer of a 32 and of a 64 bit program.
	// dma_buf_ioctl accepts both from either. The argument is the string itself.
	DMABufSetNameA Ioctl[[DMABufNameLen]byte] = 0x40046201
	DMABufSetNameB Ioctl[[DMABufNameLen]byte] = 0x40086201

	// DMABufIoctlExportSyncFile is DMA_BUF_IOCTL_EXPORT_SYNC_FILE (since 6.0).
	DMABufIoctlExportSyncFile Ioctl[DMABufExportSyncFile] = 0xC0086202
	// DMABufIoctlImportSyncFile is DMA_BUF_IOCTL_IMPORT_SYNC_FILE (since 6.0).
	DMABufIoctlImportSyncFile Ioctl[DMABufImportSyncFile] = 0x40086203
)
