// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"os"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// DMABufPhys is DMA_BUF_PHYS_IOC_CONVERT of /dev/dma-buf-phys: TI's kernels up to 6.1, and this project's module. It
// belongs to no processor; the attachment is the open file and lasts until it is closed, whatever processors do.
type DMABufPhys struct {
	path string
	fd   *sys.FD
}

// OpenDMABufPhys opens the node at path, which an empty path means to be /dev/dma-buf-phys, and probes it.
func OpenDMABufPhys(path string) (*DMABufPhys, error) {
	if path == "" {
		path = "/dev/dma-buf-phys"
	}
	fd, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, fmt.Errorf("addresses by dma-buf-phys: %w", err)
	}
	if err := probe(fd, askPhys); err != nil {
		return nil, errors.Join(fmt.Errorf("addresses by dma-buf-phys: %w", err), fd.Close())
	}
	return &DMABufPhys{path: path, fd: fd}, nil
}

// Name is the name of the node.
func (d *DMABufPhys) Name() string { return d.path }

// Close closes the node. Attachments live on.
func (d *DMABufPhys) Close() error { return d.fd.Close() }

// Translate attaches the buffer through a file of its own: a second request on one file gives EFAULT.
func (d *DMABufPhys) Translate(b *dmabuf.Buffer) (Result, error) {
	p, fd, err := attach(d.path, b, askPhys)
	if err != nil {
		return Result{}, err
	}
	return Result{Phys: p, Size: uint64(b.Size()), Attachment: fd}, nil
}

func askPhys(fd *sys.FD, raw int) (PhysAddr, error) {
	arg := uapi.TIDMABufPhysData{FD: uint32(raw)}
	if _, err := sys.Ioctl(fd, uapi.TIDMABufPhysConvert, &arg); err != nil {
		return 0, err
	}
	return PhysAddr(arg.Phys), nil
}
