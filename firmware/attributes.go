// SPDX-License-Identifier: Apache-2.0

package firmware

// Attributes is the attribute directory of one remoteproc: on Linux /sys/class/remoteproc/remoteprocN, on a simulated
// board its own. Values carry no trailing newline. A write is one write(2) and returns the errno of the driver (EINVAL,
// EBUSY, ENOENT, ETIMEDOUT, EACCES; drivers/remoteproc/remoteproc_sysfs.c).
type Attributes interface {
	ReadAttr(name string) (string, error)
	WriteAttr(name, value string) error
}
