// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// kernel is the exporter behind a DMA-BUF file descriptor.
type kernel struct {
	fd   *sys.FD
	size int64
}

// newKernel makes the buffer of a descriptor that is known to be a DMA-BUF. It owns fd only if it succeeds.
func newKernel(fd *sys.FD, info Info) (*Buffer, error) {
	var err error
	if info.Size, err = fd.SeekEnd(); err != nil {
		return nil, err
	}
	if info.Inode, err = fd.Inode(); err != nil {
		return nil, err
	}
	k := &kernel{fd: fd, size: info.Size}
	if info.Heap == udmabufExporter {
		if err := k.prime(); err != nil {
			return nil, err
		}
	}
	return New(k, info)
}

func (k *kernel) Mmap() ([]byte, error) {
	p, err := sys.Mmap(k.fd, k.size, sys.ProtReadWrite)
	switch {
	case errors.Is(err, syscall.EACCES):
		return nil, fmt.Errorf("%w (the descriptor was opened read-only: its exporter must use O_RDWR)", err)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENODEV):
		// The arguments are right, so this is dma_buf_mmap_internal without an mmap operation behind it.
		return nil, fmt.Errorf("%w: %w", ErrNotMappable, err)
	}
	return p, err
}

func (k *kernel) Munmap(p []byte) error         { return sys.Munmap(p) }
func (k *kernel) BeginCPUAccess(a Access) error { return k.sync(uint64(a) | uapi.DMABufSyncStart) }
func (k *kernel) EndCPUAccess(a Access) error   { return k.sync(uint64(a) | uapi.DMABufSyncEnd) }
func (k *kernel) Release() error                { return k.fd.Close() }
func (k *kernel) FD() int                       { n, _ := k.fd.Int(); return n }

// sync repeats on EAGAIN too: include/uapi/linux/dma-buf.h promises that the caller may restart then.
func (k *kernel) sync(flags uint64) error {
	arg := uapi.DMABufSync{Flags: flags}
	for {
		_, err := sys.Ioctl(k.fd, uapi.DMABufIoctlSync, &arg)
		if err != syscall.EAGAIN {
			return err
		}
	}
}

// prime runs one empty bracket. A udmabuf maps itself for its device at the first START and answers EINVAL to an END
// before it (drivers/dma-buf/udmabuf.c). Later STARTs invalidate, so the first one has to come before the CPU writes.
func (k *kernel) prime() error {
	if err := k.BeginCPUAccess(ReadWrite); err != nil {
		return fmt.Errorf("%s: first SYNC START: %w", k.fd.Name(), err)
	}
	if err := k.EndCPUAccess(ReadWrite); err != nil {
		return fmt.Errorf("%s: first SYNC END: %w", k.fd.Name(), err)
	}
	return nil
}

// setName labels the buffer for everybody who looks at it: fdinfo, debugfs.
func setName(fd *sys.FD, name string) error {
	var arg [uapi.DMABufNameLen]byte
	copy(arg[:len(arg)-1], name)
	_, err := sys.Ioctl(fd, uapi.DMABufSetNameB, &arg)
	return err
}
