// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/remoteproc_cdev.h of TI's kernels 6.6 and later; not in mainline.

// TIRprocDMABufAttachData is struct rproc_dma_buf_attach_data. A port for other kernels reuses the number and refuses a
// structure whose padding is not zero.
type TIRprocDMABufAttachData struct {
	_   structs.HostLayout
	FD  uint32
	Pad uint32
	DA  uint64
}

// TIRprocDMABufAttach is RPROC_IOC_DMA_BUF_ATTACH. Mainline answers EINVAL to it, TI's kernels EBADF for FD -1.
const TIRprocDMABufAttach Ioctl[TIRprocDMABufAttachData] = 0xC010B700
