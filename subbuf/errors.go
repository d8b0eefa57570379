// SPDX-License-Identifier: Apache-2.0

package subbuf

import (
	"errors"
	"fmt"
	"os"
)

var (
	// ErrRegion is returned for a region that is none: empty, negative, or with a pitch that is too small. A region that
	// reaches outside the parent is dmabuf.ErrRange.
	ErrRegion = fmt.Errorf("invalid region: %w", os.ErrInvalid)
	// ErrOverlap is returned for a region that a live sub-buffer holds, when one of the two is written by its processor.
	ErrOverlap = errors.New("sub-buffers overlap")
	// ErrMisaligned is returned for a region whose origin is not on a multiple of Config.Align.
	ErrMisaligned = errors.New("origin not aligned")
	// ErrShare is returned where sharing was asked for and is not correct.
	ErrShare = errors.New("sharing the parent is not correct here")
	// ErrAccess is returned for access that the sub-buffer, or the sub-buffer that is its parent, was not made for.
	ErrAccess = errors.New("sub-buffer was not made for this access")
	// ErrLive is returned for closing a parent whose sub-buffers are open.
	ErrLive = errors.New("sub-buffers are still open")
	// ErrBusy is returned for an operation on a sub-buffer in which a CPU access bracket is open.
	ErrBusy = errors.New("a CPU access bracket is open")
)
