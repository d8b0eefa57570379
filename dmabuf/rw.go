// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"fmt"
	"io"
	"os"
)

var (
	_ io.ReaderAt = (*Buffer)(nil)
	_ io.WriterAt = (*Buffer)(nil)
)

// ReadAt implements io.ReaderAt in a bracket of its own.
func (b *Buffer) ReadAt(p []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, b.CheckRange(off, int64(len(p)))
	}
	if len(p) == 0 {
		return 0, b.alive("reading")
	}
	if off >= b.info.Size {
		if err := b.alive("reading"); err != nil {
			return 0, err
		}
		return 0, io.EOF
	}
	err = b.View(Read, func(all []byte) error {
		if n = copy(p, all[off:]); n < len(p) {
			return io.EOF
		}
		return nil
	})
	return n, err
}

// WriteAt implements io.WriterAt in a bracket of its own. It writes all of p or, when p does not fit, nothing.
//
// Unless p covers the buffer the bracket is also one for reading: END writes whole cache lines back, and without the
// invalidation of a reading START the bytes around p in them would be those from before the device wrote.
func (b *Buffer) WriteAt(p []byte, off int64) (n int, err error) {
	if err := b.CheckRange(off, int64(len(p))); err != nil {
		return 0, err
	}
	if len(p) == 0 {
		return 0, b.alive("writing")
	}
	a := ReadWrite
	if int64(len(p)) == b.info.Size {
		a = Write
	}
	err = b.View(a, func(all []byte) error {
		n = copy(all[off:], p)
		return nil
	})
	return n, err
}

func (b *Buffer) alive(op string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return fmt.Errorf("%v: %s: %w", b, op, os.ErrClosed)
	}
	return nil
}
