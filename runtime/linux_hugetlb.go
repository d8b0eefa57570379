// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sysfs"
)

// hugetlbHeap is the name under which huge pages behind a udmabuf are offered as a heap: contiguous memory on an unmodified
// kernel. A node of that name in /dev/dma_heap would go before it.
const hugetlbHeap = "hugetlb"

// hugePages is the pool of huge pages of the size that is used: the architecture's PMD size, 2 MiB with pages of 4 KiB.
const hugePages = "kernel/mm/hugepages/hugepages-2048kB"

// hugetlb describes the pseudo heap; false where it cannot be: without the device, without reserved pages, or for users to
// whom the page map shows no addresses.
func (l *linux) hugetlb() (HeapInfo, bool) {
	if os.Geteuid() != 0 { // CAP_SYS_ADMIN, strictly; without it the page map is zeros
		return HeapInfo{}, false
	}
	if _, err := os.Stat(filepath.Join(l.c.DevRoot, "udmabuf")); err != nil {
		return HeapInfo{}, false
	}
	d := sysfs.Dir{Root: l.c.SysRoot}
	count := func(attr string) int64 {
		s, err := d.ReadAttr(hugePages + "/" + attr)
		if err != nil {
			return 0
		}
		n, err := strconv.ParseInt(strings.TrimSpace(s), 10, 32)
		if err != nil {
			return 0
		}
		return n
	}
	total := count("nr_hugepages")
	if total <= 0 {
		return HeapInfo{}, false
	}
	return HeapInfo{
		Name: hugetlbHeap, Contiguous: true, Cached: true, Mappable: true, Zeroed: true,
		Size: total << 21, Free: max(0, count("free_hugepages")-count("resv_hugepages")) << 21, LargestFree: -1,
	}, true
}

// allocHuge allocates from the pseudo heap. Half as many pages again are taken while looking for neighbours.
func (l *linux) allocHuge(size int64, label string) (*dmabuf.Buffer, error) {
	u, err := dmabuf.OpenUdmabuf(filepath.Join(l.c.DevRoot, "udmabuf"))
	if err != nil {
		return nil, fmt.Errorf("heap %q: %w", hugetlbHeap, err)
	}
	h, ok := l.hugetlb()
	if !ok || size > h.Size {
		return nil, errors.Join(fmt.Errorf("heap %q of %d bytes: buffer %q of %d bytes: %w", hugetlbHeap, h.Size, label, size, syscall.ENOMEM), u.Close())
	}
	free, want := h.Free>>21, size>>21
	spare := max(0, min(want/2+4, free-want-1, 256))
	b, err := u.Hugetlb(label, size, dmabuf.HugetlbConfig{Spare: int(spare), Limit: l.reach(), Pagemap: filepath.Join(l.c.ProcFS, "self/pagemap")})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("heap %q, %d huge pages free: %w", hugetlbHeap, free, err), u.Close())
	}
	return b, u.Close()
}

// reach is the last physical address that all processors see, 0 where none is limited: a page above it would be useless to
// one of them.
func (l *linux) reach() (limit uint64) {
	for _, p := range l.processors {
		var last uint64
		for _, w := range p.Info().Windows.List() {
			last = max(last, uint64(w.Phys)+(w.Size-1))
		}
		if last != 0 && last != 1<<64-1 && (limit == 0 || last < limit) {
			limit = last
		}
	}
	return limit
}

// isHuge tells whether a heap's name means the pseudo heap.
func (l *linux) isHuge(name string) bool {
	if name != hugetlbHeap {
		return false
	}
	_, err := os.Stat(filepath.Join(l.heapDir(), name))
	return errors.Is(err, fs.ErrNotExist)
}
