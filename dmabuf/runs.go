// SPDX-License-Identifier: Apache-2.0

package dmabuf

import "errors"

// Run is a contiguous range of a buffer on the bus.
type Run struct {
	Phys uint64
	Size int64
}

// Runs lists where the memory lies, in the order of the buffer's bytes, for exporters that know it and whose pages stay
// where they are for as long as the buffer lives. Others return errors.ErrUnsupported.
func (b *Buffer) Runs() ([]Run, error) {
	if err := b.alive("runs"); err != nil {
		return nil, err
	}
	if o, ok := b.ops.(interface{ Runs() ([]Run, error) }); ok {
		runs, err := o.Runs()
		if err != nil {
			return nil, b.errorf("runs", err)
		}
		return runs, nil
	}
	return nil, b.errorf("runs: the exporter does not know where its memory lies", errors.ErrUnsupported)
}
