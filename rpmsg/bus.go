// SPDX-License-Identifier: Apache-2.0

package rpmsg

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/uapi"
)

// AddrAny is RPMSG_ADDR_ANY: the address is chosen by the kernel when the endpoint is opened.
const AddrAny = uapi.RpmsgAddrAny

// Bus is the rpmsg bus of a Linux system. The zero value is that of this machine.
type Bus struct {
	SysRoot string // instead of /sys
	DevRoot string // instead of /dev
}

// Channel is a device of /sys/bus/rpmsg/devices: a service that a processor announced, or one of the bus's own
// (rpmsg_ctrl, rpmsg_ns).
type Channel struct {
	Device    string // name on the bus, such as virtio0.offload.-1.1024
	Name      string // name of the service
	Src, Dst  uint32
	Processor string // remoteprocN that it hangs off, empty if none
	Driver    string // bound driver, empty if none
	Node      string // its rpmsgN or rpmsg_ctrlN, empty if none

	path string // without links
}

// Device is an entry of /sys/class/rpmsg: an endpoint rpmsgN or a control device rpmsg_ctrlN.
type Device struct {
	Node      string
	Name      string // of the endpoint; empty for a control device
	Src, Dst  uint32 // mainline leaves Src at AddrAny although an address was chosen at open
	Processor string
	Parent    string // name of the device it belongs to: a channel's, or a control device's node

	path string
}

// Control reports whether the device is a control device, which makes endpoints.
func (d Device) Control() bool { return strings.HasPrefix(d.Node, "rpmsg_ctrl") }

func (b Bus) sys(name string) sysfs.Dir {
	root := b.SysRoot
	if root == "" {
		root = "/sys"
	}
	return sysfs.Dir{Root: filepath.Join(root, name)}
}

func (b Bus) dev(node string) string {
	root := b.DevRoot
	if root == "" {
		root = "/dev"
	}
	return filepath.Join(root, node)
}

// Channels lists the devices of the bus. A device that goes away meanwhile is left out. A kernel without the bus, or one
// where no processor with rpmsg ever ran, has none.
func (b Bus) Channels() ([]Channel, error) {
	dir := b.sys("bus/rpmsg/devices")
	names, err := dir.List(".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("rpmsg channels: %w", err)
	}
	var list []Channel
	for _, name := range names {
		c, err := readChannel(dir, name)
		if vanished(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rpmsg channel %s: %w", name, err)
		}
		list = append(list, c)
	}
	return list, nil
}

func readChannel(bus sysfs.Dir, name string) (c Channel, err error) {
	c.Device = name
	if c.path, err = bus.Resolve(name); err != nil {
		return c, err
	}
	dir := sysfs.Dir{Root: c.path}
	if c.Name, err = dir.ReadAttr("name"); err != nil {
		return c, err
	}
	if c.Src, err = readAddr(dir, "src"); err != nil {
		return c, err
	}
	if c.Dst, err = readAddr(dir, "dst"); err != nil {
		return c, err
	}
	c.Processor = processorOf(c.path)
	if link, err := dir.Readlink("driver"); err == nil {
		c.Driver = filepath.Base(link)
	}
	if nodes, err := dir.List("rpmsg"); err == nil && len(nodes) > 0 {
		c.Node = nodes[0]
	}
	return c, nil
}

// Devices lists the entries of the class.
func (b Bus) Devices() ([]Device, error) {
	dir := b.sys("class/rpmsg")
	names, err := dir.List(".")
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("rpmsg devices: %w", err)
	}
	var list []Device
	for _, name := range names {
		d, err := readDevice(dir, name)
		if vanished(err) {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("rpmsg device %s: %w", name, err)
		}
		list = append(list, d)
	}
	return list, nil
}

func readDevice(class sysfs.Dir, name string) (d Device, err error) {
	d.Node = name
	if d.path, err = class.Resolve(name); err != nil {
		return d, err
	}
	d.Processor = processorOf(d.path)
	parent := filepath.Dir(d.path)
	if filepath.Base(parent) == "rpmsg" { // the class's own directory below a device of another class
		parent = filepath.Dir(parent)
	}
	d.Parent = filepath.Base(parent)
	if d.Control() {
		return d, nil
	}
	dir := sysfs.Dir{Root: d.path}
	if d.Name, err = dir.ReadAttr("name"); err != nil {
		return d, err
	}
	if d.Src, err = readAddr(dir, "src"); err != nil {
		return d, err
	}
	d.Dst, err = readAddr(dir, "dst")
	return d, err
}

// vanished tells the errors of a device that went away between listing and reading.
func vanished(err error) bool { return errors.Is(err, fs.ErrNotExist) || gone(err) }

func readAddr(dir sysfs.Dir, name string) (uint32, error) {
	text, err := dir.ReadAttr(name)
	if err != nil {
		return 0, err
	}
	addr, err := parseAddr(text)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", filepath.Join(dir.Root, name), err)
	}
	return addr, nil
}

// parseAddr reads an address as the bus (0x%x) and the class (%d, with -1 for AddrAny) print it.
func parseAddr(text string) (uint32, error) {
	if n, err := strconv.ParseInt(text, 0, 64); err == nil && n >= -1<<31 && n <= 1<<32-1 {
		return uint32(n), nil
	}
	return 0, fmt.Errorf("%q is no rpmsg address: %w", text, strconv.ErrSyntax)
}

// processorName matches the directory of a remoteproc in the path of a device below it.
var processorName = regexp.MustCompile(`/(remoteproc[0-9]+)(?:/|$)`)

func processorOf(path string) string {
	if m := processorName.FindStringSubmatch(path); m != nil {
		return m[1]
	}
	return ""
}
