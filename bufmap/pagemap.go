// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"fmt"

	"github.com/offload-runtime/offload/dmabuf"
)

// Pagemap knows addresses of buffers whose exporter knows where their memory lies: huge pages behind a udmabuf, whose
// addresses come from the page map ((*dmabuf.Udmabuf).Hugetlb). It belongs before the attaching translators in a chain, because
// drivers that want one scatterlist entry refuse a udmabuf: it has one for each page, also inside a huge page.
//
// No attachment is made and none is needed: a udmabuf synchronises for its own device whatever is attached, and keeps
// its pages pinned.
type Pagemap struct{}

// Name is "pagemap".
func (Pagemap) Name() string { return "pagemap" }

// Translate returns the contiguous range at the beginning of the buffer.
func (Pagemap) Translate(b *dmabuf.Buffer) (Result, error) {
	runs, err := b.Runs()
	if err != nil {
		return Result{}, err
	}
	if len(runs) == 0 {
		return Result{}, fmt.Errorf("its exporter knows no address: %w", errors.ErrUnsupported)
	}
	r := Result{Phys: PhysAddr(runs[0].Phys), SelfSync: true}
	for _, v := range runs {
		if v.Size <= 0 || v.Phys != uint64(r.Phys)+r.Size {
			break
		}
		r.Size += uint64(v.Size)
	}
	return r, nil
}
