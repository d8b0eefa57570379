// SPDX-License-Identifier: Apache-2.0

package dmabuf

import "fmt"

// Access says what the CPU does with a buffer. The values are those of DMA_BUF_SYNC_READ and DMA_BUF_SYNC_WRITE.
type Access uint8

const (
	Read      Access = 1 << iota // the CPU reads
	Write                        // the CPU writes
	ReadWrite = Read | Write
)

func (a Access) String() string {
	switch a {
	case 0:
		return "none"
	case Read:
		return "read"
	case Write:
		return "write"
	case ReadWrite:
		return "read-write"
	}
	return fmt.Sprintf("access(%#x)", uint8(a))
}

func (a Access) valid() bool { return a != 0 && a&^ReadWrite == 0 }
