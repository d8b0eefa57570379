// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/dma_buf_phys.h of TI's kernels up to 6.1; kmod/ brings the same interface to mainline.

// TIDMABufPhysData is struct dma_buf_phys_data.
type TIDMABufPhysData struct {
	_    structs.HostLayout
	FD   uint32
	Pad  uint32
	Phys uint64
}

// TIDMABufPhysConvert is DMA_BUF_PHYS_IOC_CONVERT. One open file holds one attachment; a second call gives EFAULT.
const TIDMABufPhysConvert Ioctl[TIDMABufPhysData] = 0xC0104400
