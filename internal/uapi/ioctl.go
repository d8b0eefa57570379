// SPDX-License-Identifier: Apache-2.0

package uapi

// Ioctl is the number of an ioctl whose argument is a pointer to T.
type Ioctl[T any] uint32

// Command is the number of an ioctl without argument.
type Command uint32

// ValueIoctl is the number of an ioctl that takes its argument by value, not through a pointer.
type ValueIoctl uint32
