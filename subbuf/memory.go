// SPDX-License-Identifier: Apache-2.0

package subbuf

import "github.com/offload-runtime/offload/dmabuf"

// Memory is a buffer as this package needs it. *dmabuf.Buffer is one, and so is *Sub.
type Memory interface {
	Name() string
	Size() int64
	// Begin opens a bracket for CPU access and End closes it. Brackets nest.
	Begin(dmabuf.Access) error
	End(dmabuf.Access) error
	// Bytes returns the whole memory inside a bracket.
	Bytes() ([]byte, error)
}

var (
	_ Memory = (*dmabuf.Buffer)(nil)
	_ Memory = (*Sub)(nil)
)
