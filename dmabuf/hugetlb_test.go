// SPDX-License-Identifier: Apache-2.0

package dmabuf

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/testenv"
)

func TestNeighbours(t *testing.T) {
	const size = 0x200000
	pages := func(list ...uint64) (p []hugePage) {
		for i, v := range list {
			p = append(p, hugePage{offset: int64(i) * size, phys: v * size})
		}
		return p
	}
	for _, c := range []struct {
		name  string
		pages []hugePage
		want  int
		limit uint64
		first int64 // offset of the first page, -1 for an error
	}{
		{"one", pages(7), 1, 0, 0},
		{"descending", pages(9, 8, 7), 3, 0, 2 * size},
		{"hole", pages(1, 3, 4, 6), 2, 0, size},
		{"too few", pages(1, 3, 5), 2, 0, -1},
		{"above the limit", pages(3000, 3001, 1), 2, 1<<32 - 1, -1},
		{"ends at the limit", pages(2046, 2047), 2, 1<<32 - 1, 0},
	} {
		run, err := neighbours(c.pages, size, c.want, c.limit)
		if c.first < 0 {
			if !errors.Is(err, syscall.ENOMEM) {
				t.Errorf("%s: %v", c.name, err)
			}
			continue
		}
		if err != nil || len(run) != c.want || run[0].offset != c.first {
			t.Errorf("%s: %v, %v", c.name, run, err)
		}
		for i := range run {
			if run[i].phys != run[0].phys+uint64(i)*size {
				t.Errorf("%s: %v", c.name, run)
			}
		}
	}
}

func TestHugetlb(t *testing.T) {
	testenv.NeedDevice(t, UdmabufPath)
	testenv.NeedDevice(t, "/sys/kernel/mm/hugepages/hugepages-2048kB")
	testenv.NeedRoot(t)
	u, err := OpenUdmabuf("")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	for _, size := range []int64{0, -1, maxSize} {
		if _, err := u.Hugetlb("bad", size, HugetlbConfig{}); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
	b, err := u.Hugetlb("huge", 1, HugetlbConfig{Spare: 1})
	if errors.Is(err, syscall.ENOMEM) {
		testenv.Missing(t, "hugepages", err.Error())
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	runs, err := b.Runs()
	if err != nil || len(runs) != 1 || runs[0].Size != b.Size() || b.Size() != 2<<20 || runs[0].Phys%(2<<20) != 0 {
		t.Errorf("%d bytes in %+v, %v", b.Size(), runs, err)
	}
	if _, err := b.WriteAt([]byte("seen"), 0); err != nil {
		t.Error(err)
	}
}

func TestRunsUnknown(t *testing.T) {
	b, err := Anonymous(1, "plain")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Runs(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	b.Close()
	if _, err := b.Runs(); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed: %v", err)
	}
}
