// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/rpmsg.h

// RpmsgAddrAny is RPMSG_ADDR_ANY.
const RpmsgAddrAny = 0xFFFFFFFF

// RpmsgNameSize is the size of the name in RpmsgEndpointInfo, NUL included.
const RpmsgNameSize = 32

// RpmsgEndpointInfo is struct rpmsg_endpoint_info.
type RpmsgEndpointInfo struct {
	_    structs.HostLayout
	Name [RpmsgNameSize]byte
	Src  uint32
	Dst  uint32
}

const (
	// RpmsgCreateEpt is RPMSG_CREATE_EPT_IOCTL. It does not tell the number of the /dev/rpmsgN that it makes.
	RpmsgCreateEpt Ioctl[RpmsgEndpointInfo] = 0x4028B501
	// RpmsgDestroyEpt is RPMSG_DESTROY_EPT_IOCTL, on the endpoint's own file.
	RpmsgDestroyEpt Command = 0x0000B502
	// RpmsgCreateDev is RPMSG_CREATE_DEV_IOCTL (since 5.18).
	RpmsgCreateDev Ioctl[RpmsgEndpointInfo] = 0x4028B503
	// RpmsgReleaseDev is RPMSG_RELEASE_DEV_IOCTL (since 5.18).
	RpmsgReleaseDev Ioctl[RpmsgEndpointInfo] = 0x4028B504
	// RpmsgGetOutgoingFlowcontrol is RPMSG_GET_OUTGOING_FLOWCONTROL (since 6.6).
	RpmsgGetOutgoingFlowcontrol Ioctl[int32] = 0x8004B505
	// RpmsgSetIncomingFlowcontrol is RPMSG_SET_INCOMING_FLOWCONTROL (since 6.6). The header declares a pointer, the kernel
	// takes 0 or 1 by value (drivers/rpmsg/rpmsg_char.c).
	RpmsgSetIncomingFlowcontrol ValueIoctl = 0x8004B506
)
