// SPDX-License-Identifier: Apache-2.0

package uapi

import "structs"

// include/uapi/linux/udmabuf.h

// UdmabufFlagsCloexec is UDMABUF_FLAGS_CLOEXEC.
const UdmabufFlagsCloexec = 0x01

// UdmabufListMax is the default of the module parameter list_limit.
const UdmabufListMax = 1024

// UdmabufCreateData is struct udmabuf_create.
type UdmabufCreateData struct {
	_      structs.HostLayout
	Memfd  uint32
	Flags  uint32
	Offset uint64
	Size   uint64
}

// UdmabufCreateItem is struct udmabuf_create_item.
type UdmabufCreateItem struct {
	_      structs.HostLayout
	Memfd  uint32
	Pad    uint32 // must be 0
	Offset uint64
	Size   uint64
}

// UdmabufCreateListData is struct udmabuf_create_list with room for the items behind it. The kernel reads Count of them;
// the size in the ioctl number is that of the two leading words.
type UdmabufCreateListData struct {
	_     structs.HostLayout
	Flags uint32
	Count uint32
	List  [UdmabufListMax]UdmabufCreateItem
}

// The return value of both is the file descriptor of the new DMA-BUF.
const (
	// UdmabufCreate is UDMABUF_CREATE.
	UdmabufCreate Ioctl[UdmabufCreateData] = 0x40187542
	// UdmabufCreateList is UDMABUF_CREATE_LIST.
	UdmabufCreateList Ioctl[UdmabufCreateListData] = 0x40087543
)
