// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// UdmabufPath is the device that turns memory files into DMA-BUFs.
const UdmabufPath = "/dev/udmabuf"

// udmabufExporter is the exporter's name in fdinfo: the module's.
const udmabufExporter = "udmabuf"

// Udmabuf is the open udmabuf device.
type Udmabuf struct {
	fd *sys.FD
}

// Piece is a range of a memory file. Offset and Size are multiples of the page size.
type Piece struct {
	Memfd        int // borrowed: the DMA-BUF takes its own reference to the pages
	Offset, Size int64
}

// OpenUdmabuf opens the device at path; an empty path means UdmabufPath.
func OpenUdmabuf(path string) (*Udmabuf, error) {
	if path == "" {
		path = UdmabufPath
	}
	fd, err := sys.Open(path, os.O_RDWR)
	if err != nil {
		return nil, fmt.Errorf("udmabuf: %w", err)
	}
	return &Udmabuf{fd: fd}, nil
}

// Close closes the device. Its buffers live on.
func (u *Udmabuf) Close() error { return u.fd.Close() }

// Create makes one DMA-BUF of the pieces, in their order. The pages are pinned for as long as it lives. Every memory file
// must be sealed against shrinking and not against writing; that is checked here, because the kernel's EINVAL does not
// tell which rule was broken.
//
// The kernel limits a buffer to the module parameters size_limit_mb (64) and list_limit (1024 pieces).
func (u *Udmabuf) Create(name string, pieces ...Piece) (*Buffer, error) {
	total, err := checkPieces(pieces)
	if err != nil {
		return nil, fmt.Errorf("udmabuf %q: %w", name, err)
	}
	var raw int
	if len(pieces) == 1 {
		p := pieces[0]
		raw, err = sys.Ioctl(u.fd, uapi.UdmabufCreate, &uapi.UdmabufCreateData{
			Memfd: uint32(p.Memfd), Flags: uapi.UdmabufFlagsCloexec, Offset: uint64(p.Offset), Size: uint64(p.Size),
		})
	} else {
		arg := &uapi.UdmabufCreateListData{Flags: uapi.UdmabufFlagsCloexec, Count: uint32(len(pieces))}
		for i, p := range pieces {
			arg.List[i] = uapi.UdmabufCreateItem{Memfd: uint32(p.Memfd), Offset: uint64(p.Offset), Size: uint64(p.Size)}
		}
		raw, err = sys.Ioctl(u.fd, uapi.UdmabufCreateList, arg)
	}
	if err != nil {
		hint := ""
		if errors.Is(err, syscall.EINVAL) {
			hint = " (more than /sys/module/udmabuf/parameters/size_limit_mb, or past the end of the memory file?)"
		}
		return nil, fmt.Errorf("udmabuf %q: %d bytes in %d pieces: %w%s", name, total, len(pieces), err, hint)
	}
	fd := sys.Own(raw, "dmabuf fd "+strconv.Itoa(raw))
	if err := setName(fd, name); err != nil && !errors.Is(err, syscall.ENOTTY) {
		return nil, errors.Join(fmt.Errorf("udmabuf %q: naming it: %w", name, err), fd.Close())
	}
	b, err := newKernel(fd, Info{Heap: udmabufExporter, Name: name})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("udmabuf %q: %w", name, err), fd.Close())
	}
	return b, nil
}

func checkPieces(pieces []Piece) (total int64, err error) {
	if len(pieces) == 0 || len(pieces) > uapi.UdmabufListMax {
		return 0, fmt.Errorf("%d pieces, want 1 to %d: %w", len(pieces), uapi.UdmabufListMax, os.ErrInvalid)
	}
	page := int64(sys.Pagesize())
	for i, p := range pieces {
		switch {
		case p.Offset < 0 || p.Size <= 0 || p.Size > maxSize || p.Offset%page != 0 || p.Size%page != 0:
			return 0, fmt.Errorf("piece %d: %d bytes at offset %d are not whole pages of %d bytes: %w",
				i, p.Size, p.Offset, page, os.ErrInvalid)
		case total > maxSize-p.Size:
			return 0, fmt.Errorf("%d pieces are more than a process can map: %w", len(pieces), syscall.ENOMEM)
		}
		if i == 0 || p.Memfd != pieces[i-1].Memfd {
			if err := checkSeals(p.Memfd); err != nil {
				return 0, fmt.Errorf("piece %d: %w", i, err)
			}
		}
		total += p.Size
	}
	return total, nil
}

func checkSeals(memfd int) error {
	if memfd < 0 {
		return fmt.Errorf("descriptor %d: %w", memfd, syscall.EBADF)
	}
	seals, err := sys.SealsOf(memfd)
	switch {
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("descriptor %d is no memory file that can be sealed: %w", memfd, err)
	case err != nil:
		return err
	case seals&sys.SealShrink == 0:
		return fmt.Errorf("memory file %d is not sealed against shrinking (F_SEAL_SHRINK): %w", memfd, os.ErrInvalid)
	case seals&(sys.SealWrite|sys.SealFutureWrite) != 0:
		return fmt.Errorf("memory file %d is sealed against writing: %w", memfd, os.ErrInvalid)
	}
	return nil
}
