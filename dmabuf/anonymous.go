// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"fmt"
	"os"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
)

// Anonymous returns a buffer of ordinary memory behind a memfd, for hosts without heaps: CPU access, brackets and
// descriptor passing work, SYNC does nothing, and no device can reach it. The size is rounded up to whole pages.
func Anonymous(size int64, name string) (*Buffer, error) {
	size, err := pages("memfd", name, size)
	if err != nil {
		return nil, err
	}
	f, err := sys.Memfd(name, sys.MemfdConfig{Size: size})
	if err != nil {
		return nil, fmt.Errorf("buffer %q of memfd, %d bytes: %w", name, size, err)
	}
	inode, err := f.Inode()
	if err != nil {
		f.Close()
		return nil, err
	}
	return New(&memory{fd: f, size: size}, Info{Heap: "memfd", Name: name, Size: size, Inode: inode})
}

// memory is the exporter of Anonymous.
type memory struct {
	fd   *sys.FD
	size int64
}

func (m *memory) Mmap() ([]byte, error)       { return sys.Mmap(m.fd, m.size, sys.ProtReadWrite) }
func (m *memory) Munmap(b []byte) error       { return sys.Munmap(b) }
func (m *memory) BeginCPUAccess(Access) error { return nil }
func (m *memory) EndCPUAccess(Access) error   { return nil }
func (m *memory) Release() error              { return m.fd.Close() }
func (m *memory) FD() int                     { n, _ := m.fd.Int(); return n }

// pages rounds a wanted size up to whole pages, as the kernel does, and refuses what cannot be one.
func pages(heap, name string, size int64) (int64, error) {
	if size <= 0 {
		return 0, fmt.Errorf("buffer %q of %s: size of %d bytes: %w", name, heap, size, os.ErrInvalid)
	}
	if size > maxSize-int64(sys.Pagesize()) {
		return 0, fmt.Errorf("buffer %q of %s: %d bytes are more than a process can map: %w", name, heap, size, syscall.ENOMEM)
	}
	return sys.PageAlign(size), nil
}
