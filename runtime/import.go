// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// Import makes a buffer of a DMA-BUF descriptor that came from another driver (V4L2's VIDIOC_EXPBUF, DRM's PRIME) or another
// process (SCM_RIGHTS). The buffer owns fd; a descriptor that is no DMA-BUF stays the caller's. Brackets are as Adopt says. The
// other direction, a descriptor for others, is b.DMABuf().FD().
func (rt *Runtime) Import(fd int, name string) (*Buffer, error) {
	mem, err := dmabuf.Import(fd, name)
	if err != nil {
		return nil, err
	}
	b, err := rt.Adopt(mem)
	if err != nil {
		return nil, fmt.Errorf("importing descriptor %d, which is closed: %w", fd, errors.Join(err, mem.Close()))
	}
	return b, nil
}
