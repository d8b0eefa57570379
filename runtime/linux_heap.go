// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/prometheus/procfs"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sysfs"
)

// cmaNames are the names that kernels have given the heap of the default CMA area
// (Documentation/userspace-api/dma-buf-heaps.rst of 6.16 to 6.19).
var cmaNames = []string{"linux,cma", "reserved", "default-pool", "default_cma_region"}

func (l *linux) heapDir() string { return filepath.Join(l.c.DevRoot, "dma_heap") }

// Heaps lists the nodes of /dev/dma_heap with what the profile, the kernel's names and the kernel's counters say of them.
func (l *linux) Heaps() ([]HeapInfo, error) {
	names, err := dmabuf.Heaps(l.heapDir())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var list []HeapInfo
	for _, n := range names {
		h := l.describe(n)
		l.measure(&h)
		list = append(list, h)
	}
	if h, ok := l.hugetlb(); ok && !slices.Contains(names, hugetlbHeap) {
		list = append(list, h)
	}
	return list, nil
}

// describe says what kind of heap has that name.
func (l *linux) describe(name string) HeapInfo {
	h := HeapInfo{Name: name, Mappable: true, Zeroed: true, Size: -1, Free: -1, LargestFree: -1}
	for _, p := range l.profile.Heaps {
		if p.Is(name) {
			h.Aliases = slices.DeleteFunc(append([]string{p.Name}, p.Aliases...), func(a string) bool { return a == name })
			h.Contiguous, h.Cached, h.Mappable, h.Zeroed, h.OnChip = p.Contiguous, p.Cached, !p.Unmapped, !p.Stale, p.OnChip
			return h
		}
	}
	switch {
	case slices.Contains(cmaNames, name):
		h.Aliases, h.Contiguous, h.Cached = []string{"ddr"}, true, true
	case name == "system":
		h.Cached = true
	case strings.HasPrefix(name, "carveout_"): // TI's kernels: contiguous, not zeroed
		h.Contiguous, h.Cached, h.Zeroed = true, true, false
	case strings.HasPrefix(name, "sram_"): // TI's kernels: on-chip, write-combined, not zeroed
		h.Contiguous, h.OnChip, h.Zeroed = true, true, false
	case strings.HasPrefix(name, "protected,"): // drivers/dma-buf/heaps/tee_heap.c since 6.18
		h.Contiguous, h.Mappable = true, false
	}
	return h
}

// measure fills in the sizes where the kernel tells them.
func (l *linux) measure(h *HeapInfo) {
	if slices.Contains(cmaNames, h.Name) {
		if proc, err := procfs.NewFS(l.c.ProcFS); err == nil {
			if m, err := proc.Meminfo(); err == nil && m.CmaTotalBytes != nil && m.CmaFreeBytes != nil {
				h.Size, h.Free = int64(*m.CmaTotalBytes), int64(*m.CmaFreeBytes)
			}
		}
		return
	}
	// The carveout heap of kmod/ has counters beside its device.
	drivers := sysfs.Dir{Root: l.c.SysRoot}
	const driver = "bus/platform/drivers/carveout_heap"
	devices, err := drivers.List(driver)
	if err != nil {
		return
	}
	for _, d := range devices {
		dir := driver + "/" + d + "/heap/"
		if name, err := drivers.ReadAttr(dir + "name"); err != nil || name != h.Name {
			continue
		}
		for attr, dst := range map[string]*int64{"size": &h.Size, "free": &h.Free, "largest_free": &h.LargestFree} {
			if s, err := drivers.ReadAttr(dir + attr); err == nil {
				if n, err := strconv.ParseInt(strings.TrimSpace(s), 0, 64); err == nil && n >= 0 {
					*dst = n
				}
			}
		}
	}
}

// Alloc allocates from /dev/dma_heap/NAME.
func (l *linux) Alloc(ctx context.Context, heap string, size int64, label string) (*dmabuf.Buffer, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if l.isHuge(heap) {
		return l.allocHuge(size, label)
	}
	h, err := l.openHeap(heap)
	if err != nil {
		return nil, err
	}
	b, err := h.Alloc(size, label)
	if err != nil && errors.Is(err, syscall.ENOMEM) {
		i := l.describe(heap)
		l.measure(&i)
		return nil, fmt.Errorf("%w; size %s, free %s, largest free range %s", err, bytesOf(i.Size), bytesOf(i.Free), bytesOf(i.LargestFree))
	}
	return b, err
}

func (l *linux) openHeap(name string) (*dmabuf.Heap, error) {
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00") {
		return nil, fmt.Errorf("heap %q: %w", name, fs.ErrNotExist)
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.heaps == nil {
		return nil, fmt.Errorf("heap %q: board: %w", name, os.ErrClosed)
	}
	if h := l.heaps[name]; h != nil {
		return h, nil
	}
	h, err := dmabuf.OpenHeap(filepath.Join(l.heapDir(), name))
	if err != nil {
		return nil, err
	}
	l.heaps[name] = h
	return h, nil
}

// bytesOf words a size that may be unknown.
func bytesOf(n int64) string {
	if n < 0 {
		return "unknown"
	}
	return strconv.FormatInt(n, 10)
}
