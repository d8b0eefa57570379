// SPDX-License-Identifier: Apache-2.0

package dmabuf_test

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
)

func TestImportRefuses(t *testing.T) {
	dir := t.TempDir()
	regular, err := os.Create(filepath.Join(dir, "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	null, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	memory, err := sys.Memfd("x", sys.MemfdConfig{Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer memory.Close()
	memfd, _ := memory.Int()
	for _, test := range []struct {
		name string
		fd   int
		want error
	}{
		{"negative", -1, syscall.EBADF},
		{"smallest", math.MinInt, syscall.EBADF},
		{"not open", 1 << 20, syscall.EBADF},
		{"regular file", int(regular.Fd()), dmabuf.ErrNotDMABuf},
		{"pipe", int(r.Fd()), dmabuf.ErrNotDMABuf},
		{"device", int(null.Fd()), dmabuf.ErrNotDMABuf},
		{"memfd", memfd, dmabuf.ErrNotDMABuf},
	} {
		t.Run(test.name, func(t *testing.T) {
			b, err := dmabuf.Import(test.fd, "x")
			if b != nil || !errors.Is(err, test.want) {
				t.Errorf("%v, %v; want %v", b, err, test.want)
			}
			var st syscall.Stat_t
			if test.want == dmabuf.ErrNotDMABuf && syscall.Fstat(test.fd, &st) != nil {
				t.Error("a refused descriptor was closed")
			}
			if test.want != dmabuf.ErrNotDMABuf {
				return
			}
			if err := dmabuf.Probe(test.fd); !errors.Is(err, dmabuf.ErrNotDMABuf) {
				t.Errorf("without /proc: %v", err)
			}
		})
	}
}

func TestHeaps(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"system", "linux,cma", "carveout_ai@a7000000"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	os.Mkdir(filepath.Join(dir, "directory"), 0o700)
	names, err := dmabuf.Heaps(dir)
	if want := []string{"carveout_ai@a7000000", "linux,cma", "system"}; err != nil || !reflect.DeepEqual(names, want) {
		t.Errorf("%q, %v", names, err)
	}
	if names, err := dmabuf.Heaps(filepath.Join(dir, "none")); names != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%q, %v", names, err)
	}
	if names, err := dmabuf.Heaps(filepath.Join(dir, "system")); names != nil || !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("%q, %v", names, err)
	}
}

// What is no heap answers, too: the errno and the numbers reach the caller.
func TestHeapErrors(t *testing.T) {
	if h, err := dmabuf.OpenHeap(filepath.Join(t.TempDir(), "linux,cma")); h != nil || !errors.Is(err, fs.ErrNotExist) ||
		!strings.Contains(err.Error(), "linux,cma") {
		t.Errorf("%v, %v", h, err)
	}
	h, err := dmabuf.OpenHeap("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if h.Name() != "null" {
		t.Error(h.Name())
	}
	for size, want := range map[int64]error{
		0: os.ErrInvalid, -1: os.ErrInvalid, math.MinInt64: os.ErrInvalid,
		math.MaxInt64: syscall.ENOMEM, math.MaxInt64 - 4095: syscall.ENOMEM, 4096: syscall.ENOTTY,
	} {
		b, err := h.Alloc(size, "frame")
		if b != nil || !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
		if err != nil && (!strings.Contains(err.Error(), "null") || !strings.Contains(err.Error(), "frame")) {
			t.Errorf("%v names neither heap nor buffer", err)
		}
	}
	for range 2 {
		if err := h.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.Alloc(4096, "x"); !errors.Is(err, os.ErrClosed) {
		t.Error(err)
	}
}

func TestUdmabufChecks(t *testing.T) {
	if u, err := dmabuf.OpenUdmabuf(filepath.Join(t.TempDir(), "udmabuf")); u != nil || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v, %v", u, err)
	}
	u, err := dmabuf.OpenUdmabuf("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	page := int64(sys.Pagesize())
	memfd := func(seals sys.Seals) int {
		f, err := sys.Memfd("pages", sys.MemfdConfig{Size: 4 * page, Seals: seals})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { f.Close() })
		n, _ := f.Int()
		return n
	}
	good, unsealed, frozen := memfd(sys.SealShrink), memfd(0), memfd(sys.SealShrink|sys.SealFutureWrite)
	whole := dmabuf.Piece{Memfd: good, Size: page}
	for _, test := range []struct {
		name   string
		pieces []dmabuf.Piece
		want   error
	}{
		{"nothing", nil, os.ErrInvalid},
		{"too many", make([]dmabuf.Piece, 1025), os.ErrInvalid},
		{"half a page", []dmabuf.Piece{{Memfd: good, Size: page / 2}}, os.ErrInvalid},
		{"offset of half a page", []dmabuf.Piece{{Memfd: good, Offset: page / 2, Size: page}}, os.ErrInvalid},
		{"negative offset", []dmabuf.Piece{{Memfd: good, Offset: -page, Size: page}}, os.ErrInvalid},
		{"size 0", []dmabuf.Piece{{Memfd: good}}, os.ErrInvalid},
		{"negative size", []dmabuf.Piece{{Memfd: good, Size: -page}}, os.ErrInvalid},
		{"overflow", []dmabuf.Piece{{Memfd: good, Size: math.MaxInt64 &^ (page - 1)}}, os.ErrInvalid},
		{"not sealed", []dmabuf.Piece{{Memfd: unsealed, Size: page}}, os.ErrInvalid},
		{"second not sealed", []dmabuf.Piece{whole, {Memfd: unsealed, Size: page}}, os.ErrInvalid},
		{"sealed against writing", []dmabuf.Piece{{Memfd: frozen, Size: page}}, os.ErrInvalid},
		{"no memfd", []dmabuf.Piece{{Memfd: 1 << 20, Size: page}}, syscall.EBADF},
		{"negative memfd", []dmabuf.Piece{{Memfd: -1, Size: page}}, syscall.EBADF},
		{"one, no udmabuf", []dmabuf.Piece{whole}, syscall.ENOTTY},
		{"two, no udmabuf", []dmabuf.Piece{whole, whole}, syscall.ENOTTY},
	} {
		t.Run(test.name, func(t *testing.T) {
			if b, err := u.Create("x", test.pieces...); b != nil || !errors.Is(err, test.want) {
				t.Errorf("%v, want %v", err, test.want)
			}
		})
	}
}

func FuzzFdinfo(f *testing.F) {
	f.Add("pos:\t0\nflags:\t02400002\nmnt_id:\t15\nino:\t9\nsize:\t4096\ncount:\t2\nexp_name:\tsystem\nname:\tframe\n")
	f.Add("pos:\t0\nflags:\t0100002\n")
	f.Add("exp_name:")
	f.Add("name:\ta:b\nexp_name:\t\n")
	f.Fuzz(func(t *testing.T, text string) {
		info, ok := dmabuf.ParseFdinfo(text)
		if !ok && info.Heap != "" {
			t.Errorf("%+v although it is none", info)
		}
		if strings.Contains(info.Heap+info.Name, "\n") {
			t.Errorf("%+v", info)
		}
	})
}

func TestFdinfo(t *testing.T) {
	info, ok := dmabuf.ParseFdinfo("pos:\t0\nsize:\t4096\ncount:\t2\nexp_name:\tcarveout_ai@a7000000\nname:\ttile 0:1\n")
	if !ok || info.Heap != "carveout_ai@a7000000" || info.Name != "tile 0:1" {
		t.Errorf("%+v, %v", info, ok)
	}
	if _, ok := dmabuf.ParseFdinfo("pos:\t0\nflags:\t02\n"); ok {
		t.Error("a plain file is taken for a DMA-BUF")
	}
}

// exercise is what every DMA-BUF of the kernel must do.
func exercise(t *testing.T, b *dmabuf.Buffer, heap string, size int64) {
	t.Helper()
	if b.Size() != size || b.Heap() != heap || b.Name() != "frame" || b.Inode() == 0 {
		t.Errorf("%+v", b.Info())
	}
	if err := b.SyncEnd(dmabuf.ReadWrite); err != nil {
		t.Errorf("END before any START: %v", err)
	}
	if _, err := b.WriteAt([]byte("hello"), size-5); err != nil {
		t.Fatal(err)
	}
	fd, err := b.FD()
	if err != nil {
		t.Fatal(err)
	}
	dup, err := syscall.Dup(fd)
	if err != nil {
		t.Fatal(err)
	}
	other, err := dmabuf.Import(dup, "")
	if err != nil {
		t.Fatal(err)
	}
	if other.Inode() != b.Inode() || other.Size() != size || other.Heap() != heap || other.Name() != "frame" {
		t.Errorf("imported %+v of %+v", other.Info(), b.Info())
	}
	if err := dmabuf.Probe(fd); err != nil {
		t.Errorf("without /proc: %v", err)
	}
	if err := b.Close(); err != nil {
		t.Error(err)
	}
	buf := make([]byte, 5)
	if _, err := other.ReadAt(buf, size-5); err != nil || string(buf) != "hello" {
		t.Errorf("%q, %v", buf, err)
	}
	if err := other.SetChecked(true); err != nil {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() { other.Begin(dmabuf.ReadWrite); other.End(dmabuf.ReadWrite) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
	if err := other.Close(); err != nil {
		t.Error(err)
	}
}

func TestHeapAlloc(t *testing.T) {
	for _, path := range testenv.NeedGlob(t, "/dev/dma_heap/*") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			h, err := dmabuf.OpenHeap(path)
			if err != nil {
				t.Fatal(err)
			}
			defer h.Close()
			b, err := h.Alloc(int64(sys.Pagesize())+1, "frame")
			if err != nil {
				t.Fatal(err)
			}
			exercise(t, b, h.Name(), 2*int64(sys.Pagesize()))
			b, err = h.Alloc(1, strings.Repeat("long", 20))
			if err != nil {
				t.Fatalf("a long name: %v", err)
			}
			b.Close()
			if b, err := h.Alloc(1<<45, "everything"); b != nil || !errors.Is(err, syscall.ENOMEM) {
				t.Errorf("32 TiB: %v", err)
			}
		})
	}
}

func TestUdmabuf(t *testing.T) {
	testenv.NeedDevice(t, dmabuf.UdmabufPath)
	u, err := dmabuf.OpenUdmabuf("")
	if err != nil {
		t.Fatal(err)
	}
	defer u.Close()
	page := int64(sys.Pagesize())
	f, err := sys.Memfd("pages", sys.MemfdConfig{Size: 4 * page, Seals: sys.SealShrink})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	memfd, _ := f.Int()
	b, err := u.Create("frame", dmabuf.Piece{Memfd: memfd, Size: 4 * page})
	if err != nil {
		t.Fatal(err)
	}
	exercise(t, b, "udmabuf", 4*page)
	b, err = u.Create("frame", dmabuf.Piece{Memfd: memfd, Offset: 3 * page, Size: page}, dmabuf.Piece{Memfd: memfd, Size: page})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt([]byte("turned round"), 0); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 12)
	if _, err := b.ReadAt(buf, page); err != nil || string(buf) != "turned round" {
		t.Errorf("%q, %v", buf, err)
	}
	exercise(t, b, "udmabuf", 2*page)
	if b, err := u.Create("x", dmabuf.Piece{Memfd: memfd, Offset: 4 * page, Size: page}); b != nil || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("past the end: %v", err)
	}
}

// A descriptor that another process sent is a buffer like any other; here it is the same process and a memfd.
func TestAnonymousTravels(t *testing.T) {
	b := anonymous(t, 4096)
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(fds[0])
	defer syscall.Close(fds[1])
	fd, _ := b.FD()
	if err := syscall.Sendmsg(fds[0], []byte("x"), syscall.UnixRights(fd), nil, 0); err != nil {
		t.Fatal(err)
	}
	oob := make([]byte, 64)
	_, n, _, _, err := syscall.Recvmsg(fds[1], make([]byte, 1), oob, syscall.MSG_CMSG_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	messages, err := syscall.ParseSocketControlMessage(oob[:n])
	if err != nil {
		t.Fatal(err)
	}
	got, err := syscall.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(got[0])
	b.WriteAt([]byte("shared"), 7)
	buf := make([]byte, 6)
	if _, err := syscall.Pread(got[0], buf, 7); err != nil || string(buf) != "shared" {
		t.Errorf("%q, %v", buf, err)
	}
}
