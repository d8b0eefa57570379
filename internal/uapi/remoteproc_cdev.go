// SPDX-License-Identifier: Apache-2.0

package uapi

// include/uapi/linux/remoteproc_cdev.h

const (
	// RprocSetShutdownOnRelease is RPROC_SET_SHUTDOWN_ON_RELEASE.
	RprocSetShutdownOnRelease Ioctl[int32] = 0x4004B701
	// RprocGetShutdownOnRelease is RPROC_GET_SHUTDOWN_ON_RELEASE.
	RprocGetShutdownOnRelease Ioctl[int32] = 0x8004B702
)
