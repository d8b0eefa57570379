// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// ErrNotDMABuf is returned by Import for a descriptor that is something else.
var ErrNotDMABuf = errors.New("not a DMA-BUF")

// Import makes a buffer of a DMA-BUF descriptor that came from another driver or process. If it succeeds the buffer owns
// fd, else it is still the caller's. An empty name is replaced by the one the exporter set.
//
// Heap is the exporter's name: that of the heap for heap buffers, that of the driver for others, and "imported" where
// /proc cannot be read.
func Import(fd int, name string) (*Buffer, error) {
	if fd < 0 {
		return nil, fmt.Errorf("importing descriptor %d: %w", fd, syscall.EBADF)
	}
	f := sys.Own(fd, "dmabuf fd "+strconv.Itoa(fd))
	b, err := importFD(f, name)
	if err != nil {
		f.Disown()
		return nil, fmt.Errorf("importing descriptor %d: %w", fd, err)
	}
	return b, nil
}

func importFD(f *sys.FD, name string) (*Buffer, error) {
	if _, err := f.Inode(); err != nil { // EBADF before all else
		return nil, err
	}
	info, known, err := inspect(f)
	if err != nil {
		return nil, err
	}
	if !known {
		if err := probe(f); err != nil {
			return nil, err
		}
		info.Heap = "imported"
	}
	if name != "" {
		info.Name = name
	}
	return newKernel(f, info)
}

// inspect reads the exporter's and the buffer's name from fdinfo. known is false where there is no /proc.
func inspect(f *sys.FD) (info Info, known bool, err error) {
	fd, err := f.Int()
	if err != nil {
		return Info{}, false, err
	}
	text, err := os.ReadFile("/proc/self/fdinfo/" + strconv.Itoa(fd))
	if err != nil {
		return Info{}, false, nil
	}
	info, ok := parseFdinfo(string(text))
	if !ok {
		return Info{}, false, fmt.Errorf("%w: no exp_name in its fdinfo", ErrNotDMABuf)
	}
	return info, true, nil
}

// parseFdinfo reads the lines of dma_buf_show_fdinfo. ok is false for a file that is no DMA-BUF.
func parseFdinfo(text string) (info Info, ok bool) {
	for line := range strings.Lines(text) {
		key, value, found := strings.Cut(line, ":")
		if !found {
			continue
		}
		value = strings.TrimSuffix(strings.TrimPrefix(value, "\t"), "\n")
		switch key {
		case "exp_name":
			info.Heap, ok = value, true
		case "name":
			info.Name = value
		}
	}
	return info, ok
}

// probe asks the descriptor itself. SYNC without direction is EINVAL for a DMA-BUF and ENOTTY for most others; those that
// answer EINVAL to any unknown ioctl fail at the size or at the real SYNC.
func probe(f *sys.FD) error {
	if _, err := f.SeekEnd(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDMABuf, err)
	}
	if _, err := sys.Ioctl(f, uapi.DMABufIoctlSync, &uapi.DMABufSync{}); err != syscall.EINVAL {
		return fmt.Errorf("%w: SYNC without direction gives %v, not EINVAL", ErrNotDMABuf, err)
	}
	k := kernel{fd: f}
	if err := k.prime(); err != nil {
		return fmt.Errorf("%w: %w", ErrNotDMABuf, err)
	}
	return nil
}
