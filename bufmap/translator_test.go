// SPDX-License-Identifier: Apache-2.0

package bufmap

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
)

// Nodes that are something else, or nothing, are not taken for one that knows the ioctl.
func TestOpenProbes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]error{
		file:                               errors.ErrUnsupported,
		"/dev/null":                        errors.ErrUnsupported,
		filepath.Join(file, "below"):       syscall.ENOTDIR,
		filepath.Join(t.TempDir(), "none"): fs.ErrNotExist,
		"":                                 nil, // only rproc attach has no default
	} {
		if path != "" {
			if d, err := OpenDMABufPhys(path); !errors.Is(err, want) || d != nil {
				t.Errorf("dma-buf-phys %q: %v", path, err)
			}
		} else {
			want = fs.ErrNotExist
		}
		if r, err := OpenRprocAttach(path, ""); !errors.Is(err, want) || r != nil {
			t.Errorf("rproc attach %q: %v", path, err)
		}
	}
}

func TestProbe(t *testing.T) {
	fd, err := sys.Open("/dev/null", os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer fd.Close()
	for _, c := range []struct {
		answer error
		want   error
	}{
		{syscall.EBADF, nil},
		{syscall.EINVAL, errors.ErrUnsupported}, // mainline's remoteproc_cdev
		{syscall.ENOTTY, errors.ErrUnsupported},
		{nil, errors.ErrUnsupported},
		{syscall.EPERM, fs.ErrPermission},
	} {
		err := probe(fd, func(_ *sys.FD, raw int) (PhysAddr, error) {
			if raw != -1 {
				t.Errorf("asked for %d", raw)
			}
			return 0, c.answer
		})
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%v: %v, want %v", c.answer, err, c.want)
		}
		if c.answer != nil && err != nil && !errors.Is(err, c.answer) {
			t.Errorf("%v is not in %v", c.answer, err)
		}
	}
}

func TestAttachErrors(t *testing.T) {
	b, err := dmabuf.Anonymous(1, "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		errno syscall.Errno
		want  error
	}{
		{syscall.EINVAL, ErrNotContiguous}, {syscall.EBADF, syscall.EBADF}, {syscall.ENOMEM, syscall.ENOMEM},
		{syscall.EIO, syscall.EIO}, {syscall.EFAULT, syscall.EFAULT},
	} {
		_, fd, err := attach("/dev/null", b, func(*sys.FD, int) (PhysAddr, error) { return 0, c.errno })
		if fd != nil || !errors.Is(err, c.want) || !errors.Is(err, c.errno) {
			t.Errorf("%v: %v", c.errno, err)
		}
	}
	p, fd, err := attach("/dev/null", b, func(*sys.FD, int) (PhysAddr, error) { return 7, nil })
	if p != 7 || err != nil {
		t.Errorf("%v, %v", p, err)
	}
	fd.Close()
	if _, _, err := attach("/nonexistent", b, askPhys); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	// Not a DMA-BUF, so that there is no count.
	if _, err := references("/proc", b); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("%v", err)
	}
	b.Close()
	if _, _, err := attach("/dev/null", b, askPhys); !errors.Is(err, os.ErrClosed) {
		t.Errorf("closed buffer: %v", err)
	}
	// A buffer without a descriptor is for another translator.
	if _, _, err := attach("/dev/null", newRegion(t, 4096).buffer(t, 4096, 0), askPhys); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("no descriptor: %v", err)
	}
}

func TestStatic(t *testing.T) {
	r := newRegion(t, 1<<20)
	b := r.buffer(t, 8192, 0)
	region := func(change func(*Region)) Region {
		v := Region{Heap: "test", Phys: 0x8000_0000, Size: 8192}
		change(&v)
		return v
	}
	for _, c := range []struct {
		name     string
		coherent bool
		region   Region
		want     error
	}{
		{"coherent", true, region(func(*Region) {}), nil},
		{"uncached", false, region(func(v *Region) { v.Uncached = true }), nil},
		{"neither", false, region(func(*Region) {}), ErrNoAttachment},
		{"part of the region", true, region(func(v *Region) { v.Size *= 2 }), errors.ErrUnsupported},
		{"another heap", true, region(func(v *Region) { v.Heap = "other" }), errors.ErrUnsupported},
	} {
		s := must[*Static](t)(NewStatic(c.coherent, c.region))
		res, err := s.Translate(b)
		if !errors.Is(err, c.want) || (err == nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.name, err)
		}
		if err == nil && (res.Phys != 0x8000_0000 || res.Size != 8192 || res.Attachment != nil || res.Uncached != c.region.Uncached) {
			t.Errorf("%s: %+v", c.name, res)
		}
	}
	for _, bad := range []Region{{Heap: "x"}, {Phys: ^PhysAddr(0), Size: 2}} {
		if _, err := NewStatic(true, bad); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
		if _, err := NewKnown(&table{}, bad); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%+v: %v", bad, err)
		}
	}
}

func TestKnown(t *testing.T) {
	r := newRegion(t, 1<<20)
	b := r.buffer(t, 8192, 0)
	for _, c := range []struct {
		phys PhysAddr
		ok   bool
	}{
		{0x8000_0000, true}, {0x8000_2000, true}, {0x8000_3000, false}, {0x7FFF_F000, false}, {0, false}, {^PhysAddr(0), false},
		{0x9000_0000, true},
	} {
		tab := &table{phys: func(*dmabuf.Buffer) (Result, error) { return Result{Phys: c.phys, Size: 8192}, nil }}
		k := must[*Known](t)(NewKnown(tab, Region{Heap: "test", Phys: 0x8000_0000, Size: 0x4000}, Region{Heap: "test", Phys: 0x9000_0000, Size: 0x2000}))
		res, err := k.Translate(b)
		switch {
		case c.ok && (err != nil || res.Attachment.Close() != nil):
			t.Errorf("%v: %v", c.phys, err)
		case !c.ok && !errors.Is(err, ErrUnknownMemory):
			t.Errorf("%v: %v", c.phys, err)
		}
		if tab.live() != 0 {
			t.Errorf("%v: %d attachments left", c.phys, tab.live())
		}
	}
	// Heaps that nobody described are not checked.
	k := must[*Known](t)(NewKnown(&table{}, Region{Heap: "other", Phys: 0, Size: 1}))
	if _, err := k.Translate(b); err != nil {
		t.Error(err)
	}
}

const carveoutText = `Carveout memory entry:
	Name: vdev0buffer
	Virtual address: 00000000aabbccdd
	DMA address: 0x00000000a0100000
	Device address: 0xa0100000
	Length: 0x100000 Bytes

Carveout memory entry:
	Name: shared
	Virtual address: (null)
	DMA address: 0x0000000900000000
	Device address: 0xc0000000
	Length: 0x2000 Bytes

`

func TestCarveouts(t *testing.T) {
	path := filepath.Join(t.TempDir(), "carveout_memories")
	r := newRegion(t, 1<<20)
	b := r.buffer(t, 8192, 0)
	shared := Carveout{Heap: "test", Name: "shared"}
	c := NewCarveouts(path, true, shared)
	if _, err := c.Translate(b); !errors.Is(err, errors.ErrUnsupported) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no debugfs: %v", err)
	}
	if err := os.WriteFile(path, []byte(carveoutText), 0o600); err != nil {
		t.Fatal(err)
	}
	if res, err := c.Translate(b); err != nil || res.Phys != 0x9_0000_0000 || res.Size != 8192 {
		t.Errorf("%+v, %v", res, err)
	}
	for name, v := range map[string]struct {
		c    *Carveouts
		want error
	}{
		"not coherent": {NewCarveouts(path, false, shared), ErrNoAttachment},
		"other size":   {NewCarveouts(path, true, Carveout{Heap: "test", Name: "vdev0buffer"}), errors.ErrUnsupported},
		"no such":      {NewCarveouts(path, true, Carveout{Heap: "test", Name: "x"}), errors.ErrUnsupported},
		"other heap":   {NewCarveouts(path, true, Carveout{Heap: "x", Name: "shared"}), errors.ErrUnsupported},
		"none":         {NewCarveouts(path, true), errors.ErrUnsupported},
	} {
		if _, err := v.c.Translate(b); !errors.Is(err, v.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.WriteFile(path, []byte(strings.ReplaceAll(carveoutText, "0x2000 ", "junk ")), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Translate(b); err == nil || errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("junk: %v", err)
	}
}

func FuzzParseCarveouts(f *testing.F) {
	f.Add(carveoutText)
	f.Add("DMA address: 1")
	f.Fuzz(func(t *testing.T, text string) {
		list, err := parseCarveouts(text)
		if err == nil && list[""] != (Region{}) {
			t.Errorf("%+v of a carveout without name", list[""])
		}
	})
}

// An attachment that lasts is told from the look-alike's by the references to the buffer while the node is open.
func TestRprocAttachLasting(t *testing.T) {
	b, err := dmabuf.Anonymous(1, "b")
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	for _, c := range []struct {
		name   string
		counts []int // before, during, after; again until they fit
		want   bool
	}{
		{"lasts", []int{1, 2, 1}, true},
		{"look-alike", []int{1, 1, 1}, false},
		{"others come and go", []int{1, 2, 2, 2, 4, 2, 2, 3, 2}, true},
		{"never quiet", []int{1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2, 1, 2, 2}, false},
		{"no /proc", nil, false},
	} {
		i := 0
		r := &RprocAttach{
			path: "/dev/null",
			ask:  func(*sys.FD, int) (PhysAddr, error) { return 0x8000_0000, nil },
			count: func(*dmabuf.Buffer) (int, error) {
				if i == len(c.counts) {
					return 0, fs.ErrNotExist
				}
				i++
				return c.counts[i-1], nil
			},
		}
		for range 2 {
			res, err := r.Translate(b)
			if err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			if res.Phys != 0x8000_0000 || res.Size != uint64(b.Size()) || (res.Attachment != nil) != c.want {
				t.Errorf("%s: %+v", c.name, res)
			}
			if res.Attachment != nil {
				res.Attachment.Close()
			}
			if c.name == "never quiet" {
				break // undecided, so it would count again
			}
		}
	}
}

func TestChainOrder(t *testing.T) {
	b := newRegion(t, 1<<20).buffer(t, 4096, 0)
	none := &table{phys: func(*dmabuf.Buffer) (Result, error) { return Result{}, errors.ErrUnsupported }}
	yes := &table{}
	res, err := Chain{none, Pagemap{}, yes}.Translate(b)
	if err != nil || res.Provenance != "table" || yes.live() != 1 {
		t.Errorf("%+v, %v", res, err)
	}
	res.Attachment.Close()
	_, err = Chain{none, Pagemap{}}.Translate(b)
	if !errors.Is(err, ErrNoTranslator) || !strings.Contains(err.Error(), "pagemap: ") {
		t.Errorf("%v", err)
	}
}

type withRuns struct {
	piece
	runs []dmabuf.Run
}

func (w withRuns) Runs() ([]dmabuf.Run, error) { return w.runs, nil }

func TestPagemap(t *testing.T) {
	for _, c := range []struct {
		name string
		runs []dmabuf.Run
		want error
	}{
		{"one", []dmabuf.Run{{Phys: 0x8000_0000, Size: 8192}}, nil},
		{"neighbours", []dmabuf.Run{{Phys: 0x8000_0000, Size: 4096}, {Phys: 0x8000_1000, Size: 4096}}, nil},
		{"apart", []dmabuf.Run{{Phys: 0x8000_0000, Size: 4096}, {Phys: 0x8000_2000, Size: 4096}}, ErrNotContiguous},
		{"descending", []dmabuf.Run{{Phys: 0x8000_1000, Size: 4096}, {Phys: 0x8000_0000, Size: 4096}}, ErrNotContiguous},
		{"too short", []dmabuf.Run{{Phys: 0x8000_0000, Size: 4096}}, ErrNotContiguous},
		{"negative", []dmabuf.Run{{Phys: 0x8000_0000, Size: -1}}, ErrNotContiguous},
		{"none", nil, ErrNoTranslator},
	} {
		b, err := dmabuf.New(withRuns{make(piece, 8192), c.runs}, dmabuf.Info{Name: "b", Size: 8192})
		if err != nil {
			t.Fatal(err)
		}
		res, err := Chain{Pagemap{}}.Translate(b)
		if !errors.Is(err, c.want) || err == nil && (res.Phys != 0x8000_0000 || !res.SelfSync || res.Attachment != nil) {
			t.Errorf("%s: %+v, %v", c.name, res, err)
		}
	}
}

// On a kernel that has the nodes: an address, an attachment that lasts and can be ended, in the buffer's own memory.
func TestAttachOnKernel(t *testing.T) {
	type opened interface {
		Translator
		Close() error
	}
	for path, open := range map[string]func(path string) (opened, error){
		"/dev/dma-buf-phys":        func(p string) (opened, error) { return OpenDMABufPhys(p) },
		"/dev/offload/remoteproc0": func(p string) (opened, error) { return OpenRprocAttach(p, "") },
	} {
		t.Run(filepath.Base(path), func(t *testing.T) {
			testenv.NeedDevice(t, path)
			paths := testenv.NeedGlob(t, "/dev/dma_heap/*")
			tr, err := open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer tr.Close()
			for _, p := range paths {
				h, err := dmabuf.OpenHeap(p)
				if err != nil {
					t.Fatal(err)
				}
				b, err := h.Alloc(64<<10, "attach")
				h.Close()
				if err != nil {
					t.Errorf("%s: %v", p, err)
					continue
				}
				res, err := Chain{tr}.Translate(b)
				if errors.Is(err, ErrNotContiguous) {
					b.Close()
					continue
				}
				if err != nil {
					t.Errorf("%s: %v", p, err)
				} else {
					before, _ := references("/proc", b)
					if res.Phys == 0 || res.Attachment == nil {
						t.Errorf("%s: %+v", p, res)
					} else if err := res.Attachment.Close(); err != nil {
						t.Errorf("%s: %v", p, err)
					}
					if after, err := references("/proc", b); err != nil || after != before-1 {
						t.Errorf("%s: %d references with the attachment, %d after, %v", p, before, after, err)
					}
				}
				b.Close()
			}
		})
	}
}

// Mainline's character device answers EINVAL to everything: it must not be taken for TI's.
func TestRprocCdevOnKernel(t *testing.T) {
	testenv.NeedDevice(t, "/dev/remoteproc0")
	r, err := OpenRprocAttach("/dev/remoteproc0", "")
	if err == nil {
		r.Close()
	} else if !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
