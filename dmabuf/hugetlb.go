// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

// HugetlbConfig says how contiguous memory is made of huge pages. The zero value works where the kernel has free huge pages
// of 2 MiB.
type HugetlbConfig struct {
	PageShift int    // of the huge pages; 0 means 21, 2 MiB
	Limit     uint64 // pages that end above this physical address are not used; 0 means no limit
	Spare     int    // pages taken in addition while looking for neighbours; they are given back
	Pagemap   string // empty means /proc/self/pagemap
}

// Hugetlb makes one contiguous buffer of huge pages: contiguous memory on an unmodified kernel. Size is rounded up to whole
// huge pages. It needs CAP_SYS_ADMIN, without which the page map shows no addresses.
//
// The pages are pinned before their addresses are read: pinning may move them. Then they are sorted by address, and the
// first run of neighbours that is long enough becomes the buffer.
func (u *Udmabuf) Hugetlb(name string, size int64, c HugetlbConfig) (b *Buffer, err error) {
	defer func() {
		if err != nil {
			if b != nil {
				err, b = errors.Join(err, b.Close()), nil
			}
			err = fmt.Errorf("hugetlb buffer %q of %d bytes: %w", name, size, err)
		}
	}()
	if c.PageShift == 0 {
		c.PageShift = 21
	}
	if c.Pagemap == "" {
		c.Pagemap = "/proc/self/pagemap"
	}
	if c.PageShift < 12 || c.PageShift > 34 || c.Spare < 0 || c.Spare > uapi.UdmabufListMax {
		return nil, fmt.Errorf("page shift %d, %d spare pages: %w", c.PageShift, c.Spare, os.ErrInvalid)
	}
	page := int64(1) << c.PageShift
	if size <= 0 || size > maxSize-page {
		return nil, os.ErrInvalid
	}
	want := int((size + page - 1) / page)
	if want > uapi.UdmabufListMax {
		return nil, fmt.Errorf("%d pages of %d bytes, a udmabuf has at most %d pieces: take larger pages: %w", want, page, uapi.UdmabufListMax, os.ErrInvalid)
	}
	all := (int64(want) + int64(c.Spare)) * page
	memfd, err := sys.Memfd(name, sys.MemfdConfig{Size: all, HugeShift: c.PageShift, Seals: sys.SealShrink})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, memfd.Close()) }()
	mapping, err := sys.Mmap(memfd, all, sys.ProtReadWrite)
	if err != nil {
		if errors.Is(err, syscall.ENOMEM) {
			err = fmt.Errorf("%w (too few free huge pages: see /sys/kernel/mm/hugepages)", err)
		}
		return nil, err
	}
	defer func() { err = errors.Join(err, sys.Munmap(mapping)) }()

	// Kernels before 6.11 pin only pages that are there (drivers/dma-buf/udmabuf.c).
	for off := int64(0); off < all; off += page {
		mapping[off] = 0
	}
	raw, err := memfd.Int()
	if err != nil {
		return nil, err
	}
	pin, err := u.Create(name, Piece{Memfd: raw, Size: all})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pin.Close()) }()
	pages, err := pageAddresses(c.Pagemap, mapping, page)
	if err != nil {
		return nil, err
	}
	run, err := neighbours(pages, uint64(page), want, c.Limit)
	if err != nil {
		return nil, err
	}
	pieces := make([]Piece, len(run))
	for i, p := range run {
		pieces[i] = Piece{Memfd: raw, Offset: p.offset, Size: page}
	}
	if b, err = u.Create(name, pieces...); err != nil {
		return nil, err
	}
	k, ok := b.ops.(*kernel)
	if !ok {
		return nil, errors.Join(fmt.Errorf("udmabuf made %T", b.ops), b.Close())
	}
	b.ops = &hugetlb{kernel: k, runs: []Run{{Phys: run[0].phys, Size: int64(len(run)) * page}}}
	return b, nil
}

// hugetlb is the exporter of Hugetlb: a udmabuf whose address is known.
type hugetlb struct {
	*kernel
	runs []Run
}

func (h *hugetlb) Runs() ([]Run, error) { return slices.Clone(h.runs), nil }

// hugePage is one page of the memory file.
type hugePage struct {
	offset int64
	phys   uint64
}

// pageAddresses reads the page map through the memory file's own mapping; that of the DMA-BUF (VM_PFNMAP) is empty there.
func pageAddresses(path string, mapping []byte, page int64) ([]hugePage, error) {
	f, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	base := uint64(sys.Address(mapping))
	small := uint64(sys.Pagesize())
	var list []hugePage
	for off := int64(0); off < int64(len(mapping)); off += page {
		mapping[off] = 0 // only what this mapping has touched is in the page map
		var word [uapi.PagemapEntrySize]byte
		if _, err := f.ReadAt(word[:], int64((base+uint64(off))/small*uapi.PagemapEntrySize)); err != nil {
			return nil, err
		}
		v := binary.NativeEndian.Uint64(word[:])
		switch {
		case v&uapi.PagemapPresent == 0:
			return nil, fmt.Errorf("%s: page at %d is not present: %w", path, off, syscall.EFAULT)
		case v&uapi.PagemapPFNMask == 0:
			return nil, fmt.Errorf("%s shows no addresses: %w (CAP_SYS_ADMIN is needed)", path, syscall.EPERM)
		}
		list = append(list, hugePage{offset: off, phys: v & uapi.PagemapPFNMask * small})
	}
	return list, nil
}

// neighbours finds want pages that follow each other on the bus and end at most at limit.
func neighbours(pages []hugePage, size uint64, want int, limit uint64) ([]hugePage, error) {
	list := slices.Clone(pages)
	slices.SortFunc(list, func(a, b hugePage) int {
		if a.phys < b.phys {
			return -1
		}
		return 1
	})
	longest, above, start := 0, 0, 0
	for i, p := range list {
		if limit != 0 && p.phys+(size-1) > limit {
			above = len(list) - i
			break
		}
		if i > 0 && p.phys != list[i-1].phys+size {
			start = i
		}
		longest = max(longest, i-start+1)
		if i-start+1 == want {
			return list[start : i+1], nil
		}
	}
	return nil, fmt.Errorf("the longest run of neighbours is %d of %d pages of %d bytes, %d lie above %#x: %w (reserve huge pages at boot, or take larger or more spare ones)",
		longest, want, size, above, limit, syscall.ENOMEM)
}
