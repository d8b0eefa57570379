// SPDX-License-Identifier: Apache-2.0

package dmabuf

import "github.com/offload-runtime/offload/internal/sys"

var (
	ParseFdinfo    = parseFdinfo
	ParseAvailable = parseAvailable
	OrdinaryPages  = ordinaryPages
)

// Probe asks a borrowed descriptor whether it is a DMA-BUF, without /proc.
func Probe(fd int) error {
	f := sys.Own(fd, "borrowed")
	defer f.Disown()
	return probe(f)
}
