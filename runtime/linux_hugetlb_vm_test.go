// SPDX-License-Identifier: Apache-2.0

package runtime_test

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/offload-runtime/offload/bufmap"
	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/functions"
	"github.com/offload-runtime/offload/runtime"
)

// mainline is the board without this project's kernel modules: its only way to an address is the page map.
type mainline struct{ runtime.Board }

func (m mainline) Processors() ([]runtime.Processor, error) {
	list, err := m.Board.Processors()
	for i, p := range list {
		list[i] = pagemapOnly{p}
	}
	return list, err
}

type pagemapOnly struct{ runtime.Processor }

func (pagemapOnly) Translators() bufmap.Chain { return bufmap.Chain{bufmap.Pagemap{}} }

// hugePages has the kernel set pages of 2 MiB aside for the time of the test.
func hugePages(t *testing.T, n int) {
	t.Helper()
	const path = "/proc/sys/vm/nr_hugepages"
	set := func(n int) {
		if err := os.WriteFile(path, fmt.Append(nil, n), 0); err != nil {
			t.Fatal(err)
		}
	}
	set(n)
	t.Cleanup(func() { set(0) })
	text, err := os.ReadFile(path)
	if err != nil || strings.TrimSpace(string(text)) != fmt.Sprint(n) {
		t.Fatalf("the kernel has %q huge pages, %v, want %d", text, err, n)
	}
}

// TestLinuxHugetlb: huge pages behind a udmabuf reach the processor at the right address on a kernel without any module of
// ours, one page alone and several that udmabuf joins in the order of their addresses.
func TestLinuxHugetlb(t *testing.T) {
	needMachine(t)
	real, err := runtime.OpenLinux(t.Context(), runtime.LinuxConfig{})
	if err != nil {
		t.Fatal(err)
	}
	b := newBoard(t, mainline{real}, "")
	const page = 2 << 20
	hugePages(t, 32)
	u, err := dmabuf.OpenUdmabuf("")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	c := dmabuf.HugetlbConfig{}
	if b.processor == "r5f" {
		c.Limit = 0x7fffffff // what the core reaches
	}
	s := b.start(t)
	ctx := deadline(t)
	for _, pages := range []int64{1, 8} {
		t.Run(fmt.Sprint(pages), func(t *testing.T) {
			c.Spare = 32 - int(pages) // together 64 MiB, the largest udmabuf
			mem, err := u.Hugetlb(t.Name(), pages*page, c)
			if err != nil {
				t.Fatal(err)
			}
			buf, err := b.rt.Adopt(mem)
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := buf.Close(); err != nil {
					t.Error(err)
				}
			}()
			a, err := buf.Address(b.processor)
			if err != nil {
				t.Fatal(err)
			}
			if a.Provenance != "pagemap" || a.Attached || uint64(a.Phys) == uint64(a.Device) {
				t.Errorf("%+v", a)
			}
			t.Logf("%d pages of 2 MiB at physical %v, device %v", pages, a.Phys, a.Device)
			// Every page has bytes of its own, so that an address that is off by a page is seen.
			model := make([]byte, buf.Size())
			for i := range model {
				model[i] = byte(i ^ i>>8 ^ i>>21*37)
			}
			if _, err := buf.WriteAt(model, 0); err != nil {
				t.Fatal(err)
			}
			var crc uint32
			if err := s.Call(ctx, "crc32c", &crc, buf.In()); err != nil || crc != functions.CRC32C(model) {
				t.Errorf("the processor sees %#x, %v, want %#x", crc, err, functions.CRC32C(model))
			}
			for i := range pages { // across each border
				off := max(i*page-100, 0)
				if err := s.Call(ctx, "fill", nil, buf.Range(off, 200, runtime.Out), i+1); err != nil {
					t.Fatal(err)
				}
				copy(model[off:], bytes.Repeat([]byte{byte(i + 1)}, 200))
			}
			got := make([]byte, len(model))
			if _, err := buf.ReadAt(got, 0); err != nil || !bytes.Equal(got, model) {
				t.Errorf("what the processor wrote is not where it should be: %v", err)
			}
		})
	}
	plain := b.alloc(t, "linux,cma", 4096)
	_, err = plain.Address(b.processor)
	want(t, "a heap's buffer on a kernel without modules", err, bufmap.ErrNoTranslator)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
