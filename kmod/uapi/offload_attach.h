/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * DMA-BUF addresses for remote processors.
 *
 * Both requests and their structures are those of TI's kernels
 * (include/uapi/linux/dma_buf_phys.h up to 6.1, linux/remoteproc_cdev.h from
 * 6.6 on), with the padding spelled out. Programs written for those kernels
 * need no change but, for the second one, the name of the node.
 */
#ifndef _UAPI_OFFLOAD_ATTACH_H
#define _UAPI_OFFLOAD_ATTACH_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct dma_buf_phys_data - argument of DMA_BUF_PHYS_IOC_CONVERT
 * @fd: DMA-BUF
 * @pad: must be zero
 * @phys: set to the bus address of the buffer's first byte
 */
struct dma_buf_phys_data {
	__u32 fd;
	__u32 pad;
	__u64 phys;
};

/* On /dev/dma-buf-phys. One buffer per open file. */
#define DMA_BUF_PHYS_IOC_CONVERT	_IOWR('D', 0, struct dma_buf_phys_data)

/**
 * struct rproc_dma_buf_attach_data - argument of RPROC_IOC_DMA_BUF_ATTACH
 * @fd: DMA-BUF
 * @pad: must be zero
 * @da: set to the address of the buffer's first byte on the processor's bus
 */
struct rproc_dma_buf_attach_data {
	__u32 fd;
	__u32 pad;
	__u64 da;
};

/* On /dev/offload/remoteprocN. Any number of buffers per open file. */
#define RPROC_IOC_DMA_BUF_ATTACH	_IOWR(0xB7, 0, struct rproc_dma_buf_attach_data)

#endif
