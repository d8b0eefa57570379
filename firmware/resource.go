// SPDX-License-Identifier: Apache-2.0

package firmware

import "fmt"

// AddrAny in an address field asks the kernel to choose the address and write it back (FW_RSC_ADDR_ANY).
const AddrAny uint32 = 0xffffffff

// ResourceType is the type of an entry of a resource table (enum fw_resource_type in include/linux/remoteproc.h).
type ResourceType uint32

const (
	TypeCarveout    ResourceType = 0
	TypeDevmem      ResourceType = 1
	TypeTrace       ResourceType = 2
	TypeVdev        ResourceType = 3
	TypeVendorStart ResourceType = 128
	TypeVendorEnd   ResourceType = 512
)

func (t ResourceType) String() string {
	switch {
	case t == TypeCarveout:
		return "carveout"
	case t == TypeDevmem:
		return "devmem"
	case t == TypeTrace:
		return "trace"
	case t == TypeVdev:
		return "vdev"
	case t >= TypeVendorStart && t <= TypeVendorEnd:
		return fmt.Sprintf("vendor(%d)", uint32(t))
	}
	return fmt.Sprintf("unknown(%d)", uint32(t))
}

// Resource is one entry of a resource table: *Carveout, *Devmem, *Trace, *Vdev or *Raw.
type Resource interface {
	Type() ResourceType
	encode(b []byte) ([]byte, error)
}

// MaxName is the length of the name field of an entry. A name of that length has no NUL at its end, and the kernel reads
// on behind the field.
const MaxName = 32

// Carveout asks for physically contiguous memory (struct fw_rsc_carveout).
type Carveout struct {
	DeviceAddress uint32 // or AddrAny
	PhysAddress   uint32 // or AddrAny; filled in by the kernel
	Length        uint32
	Flags         uint32 // IOMMU protection
	Name          string
}

// Devmem asks for an IOMMU mapping of a peripheral (struct fw_rsc_devmem). The kernel refuses it without an IOMMU.
type Devmem struct {
	DeviceAddress uint32
	PhysAddress   uint32
	Length        uint32
	Flags         uint32
	Name          string
}

// Trace announces a trace buffer (struct fw_rsc_trace), which debugfs shows as traceN.
type Trace struct {
	DeviceAddress uint32
	Length        uint32
	Name          string
}

// Virtio identifiers and feature bits of rpmsg (include/uapi/linux/virtio_ids.h, virtio_rpmsg_bus.c).
const (
	VirtioRPMsg          uint32 = 7
	RPMsgFeatureNS       uint32 = 1 << 0 // firmware announces its endpoints by name
	maxVirtqueueLength          = 1 << 15
	maxVringsOfVdev             = 2 // RVDEV_NUM_VRINGS
	maxVringsInOneHeader        = 255
)

// Vdev declares a virtio device (struct fw_rsc_vdev).
type Vdev struct {
	ID             uint32 // VirtioRPMsg
	NotifyID       uint32
	Features       uint32 // dfeatures: what the firmware offers
	DriverFeatures uint32 // gfeatures: filled in by the kernel
	Status         uint8  // filled in by the kernel
	Vrings         []Vring
	Config         []byte
}

// Vring is one ring of a Vdev (struct fw_rsc_vdev_vring).
type Vring struct {
	DeviceAddress uint32 // or AddrAny
	Align         uint32
	Num           uint32 // buffers, a power of two
	NotifyID      uint32
	PhysAddress   uint32
}

// Size is the memory of the ring as the kernel computes it (vring_size in include/uapi/linux/virtio_ring.h), 0 if
// Num or Align make no ring.
func (v *Vring) Size() uint64 {
	if v.Num == 0 || v.Align == 0 || v.Align&(v.Align-1) != 0 {
		return 0
	}
	num, align := uint64(v.Num), uint64(v.Align)
	size := 16*num + 2*(3+num)
	size = (size + align - 1) &^ (align - 1)
	return size + 2*3 + 8*num
}

// Raw is an entry of the vendor range or of an unknown type. Data is what follows the type word up to the next entry or
// the end of the table.
type Raw struct {
	Kind ResourceType
	Data []byte
}

func (*Carveout) Type() ResourceType { return TypeCarveout }
func (*Devmem) Type() ResourceType   { return TypeDevmem }
func (*Trace) Type() ResourceType    { return TypeTrace }
func (*Vdev) Type() ResourceType     { return TypeVdev }
func (r *Raw) Type() ResourceType    { return r.Kind }
