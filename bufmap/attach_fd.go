// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
)

// The two address ioctls of TI's kernels behave alike: one open file for each buffer, whose close is the detach.

// attachFunc asks the driver behind fd for the address of the buffer with descriptor raw.
type attachFunc func(fd *sys.FD, raw int) (PhysAddr, error)

// badFD is a descriptor that is never open. A driver that knows the ioctl answers EBADF to it.
const badFD = -1

// probe tells whether the driver behind fd knows the ioctl. Asking with a real buffer would not: one that is not
// contiguous gives EINVAL as well.
func probe(fd *sys.FD, ask attachFunc) error {
	_, err := ask(fd, badFD)
	switch {
	case errors.Is(err, syscall.EBADF):
		return nil
	case err == nil:
		return fmt.Errorf("%s gives an address for descriptor %d: %w", fd.Name(), badFD, errors.ErrUnsupported)
	case errors.Is(err, syscall.EINVAL), errors.Is(err, syscall.ENOTTY):
		return fmt.Errorf("%s does not know the address ioctl (%w): %w", fd.Name(), err, errors.ErrUnsupported)
	}
	return fmt.Errorf("asking %s for addresses: %w", fd.Name(), err)
}

// attach opens path for one buffer and asks for its address. The file is the attachment.
func attach(path string, b *dmabuf.Buffer, ask attachFunc) (PhysAddr, *sys.FD, error) {
	raw, err := b.FD()
	if err != nil {
		return 0, nil, err
	}
	fd, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return 0, nil, err
	}
	p, err := ask(fd, raw)
	if err != nil {
		return 0, nil, errors.Join(attachError(path, b, err), fd.Close())
	}
	return p, fd, nil
}

// attachError gives the errno of an address ioctl its meaning.
func attachError(path string, b *dmabuf.Buffer, err error) error {
	switch {
	case errors.Is(err, syscall.EINVAL):
		return fmt.Errorf("%w for %s, or its descriptor is no DMA-BUF (%w)", ErrNotContiguous, path, err)
	case errors.Is(err, syscall.ENXIO): // this project's module, instead of a bounce buffer's address
		return fmt.Errorf("%s: %w: the DMA mask of its device does not reach the buffer (%w)", path, ErrReach, err)
	case errors.Is(err, syscall.EBADF):
		return fmt.Errorf("%s: the descriptor of buffer %q is not open: %w", path, b.Name(), err)
	case errors.Is(err, syscall.ENOMEM), errors.Is(err, syscall.EIO):
		return fmt.Errorf("%s cannot map the buffer for its device: %w (memory above the device's DMA mask?)", path, err)
	}
	return fmt.Errorf("%s: %w", path, err)
}

// references is how many references to the buffer's file there are, from the line "count" of its fdinfo
// (drivers/dma-buf/dma-buf.c). An attachment that lasts holds one.
func references(proc string, b *dmabuf.Buffer) (int, error) {
	raw, err := b.FD()
	if err != nil {
		return 0, err
	}
	path := proc + "/self/fdinfo/" + strconv.Itoa(raw)
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if v, ok := strings.CutPrefix(line, "count:"); ok {
			return strconv.Atoi(strings.TrimSpace(v))
		}
	}
	return 0, fmt.Errorf("%s has no line %q: %w", path, "count", errors.ErrUnsupported)
}
