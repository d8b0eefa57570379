// SPDX-License-Identifier: Apache-2.0

package sys_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/uapi"
)

func TestMain(m *testing.M) { leak.Main(m) }

func memfd(t testing.TB, size int64) *sys.FD {
	t.Helper()
	f, err := sys.Memfd("test", sys.MemfdConfig{Size: size})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f
}

func TestOpen(t *testing.T) {
	dir := t.TempDir()
	missing := filepath.Join(dir, "missing")
	for _, mode := range []int{os.O_RDONLY, os.O_WRONLY, os.O_RDWR, os.O_RDWR | os.O_CREATE} {
		f, err := sys.Open(missing, mode)
		if f != nil || !errors.Is(err, fs.ErrNotExist) || !errors.Is(err, syscall.ENOENT) || !strings.Contains(err.Error(), missing) {
			t.Errorf("mode %#x: %v, %v", mode, f, err)
		}
	}
	f, err := sys.Open("/dev/null", os.O_RDWR)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	fd, err := f.Int()
	if err != nil {
		t.Fatal(err)
	}
	flags, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFD, 0)
	if flags&syscall.FD_CLOEXEC == 0 {
		t.Error("not close-on-exec")
	}
	status, _, _ := syscall.Syscall(syscall.SYS_FCNTL, uintptr(fd), syscall.F_GETFL, 0)
	if status&syscall.O_NONBLOCK == 0 {
		t.Error("not non-blocking")
	}
	if f.Name() != "/dev/null" {
		t.Error(f.Name())
	}
}

func TestClosed(t *testing.T) {
	f := memfd(t, 4096)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
	for name, do := range map[string]func() error{
		"Int":     func() error { _, err := f.Int(); return err },
		"Dup":     func() error { _, err := f.Dup(); return err },
		"Disown":  func() error { _, err := f.Disown(); return err },
		"Read":    func() error { _, err := f.Read(make([]byte, 1)); return err },
		"Write":   func() error { _, err := f.Write([]byte("x")); return err },
		"ReadAt":  func() error { _, err := f.ReadAt(make([]byte, 1), 0); return err },
		"WriteAt": func() error { _, err := f.WriteAt([]byte("x"), 0); return err },
		"SeekEnd": func() error { _, err := f.SeekEnd(); return err },
		"Inode":   func() error { _, err := f.Inode(); return err },
		"Seals":   func() error { _, err := f.Seals(); return err },
		"AddSeal": func() error { return f.AddSeals(sys.SealGrow) },
		"Mmap":    func() error { _, err := sys.Mmap(f, 4096, sys.ProtRead); return err },
		"Ioctl":   func() error { _, err := sys.Ioctl(f, uapi.DMABufIoctlSync, &uapi.DMABufSync{}); return err },
		"None":    func() error { _, err := sys.IoctlNone(f, uapi.RpmsgDestroyEpt); return err },
		"Value":   func() error { _, err := sys.IoctlValue(f, uapi.RpmsgSetIncomingFlowcontrol, 1); return err },
	} {
		if err := do(); !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDupDisown(t *testing.T) {
	f := memfd(t, 4096)
	dup, err := f.Dup()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := dup.WriteAt([]byte("shared"), 10); err != nil {
		t.Fatal(err)
	}
	raw, err := dup.Disown()
	if err != nil {
		t.Fatal(err)
	}
	if err := dup.Close(); err != nil {
		t.Error(err)
	}
	if err := syscall.Close(raw); err != nil {
		t.Errorf("Disown closed it: %v", err)
	}
	buf := make([]byte, 6)
	if _, err := f.ReadAt(buf, 10); err != nil || string(buf) != "shared" {
		t.Errorf("%q, %v", buf, err)
	}
	if n, err := f.ReadAt(make([]byte, 10), 4090); n != 6 || err != io.EOF {
		t.Errorf("at the end: %d, %v", n, err)
	}
}

// Close waits for the calls that use the number, so nobody meets a descriptor that was given out again.
func TestCloseWaits(t *testing.T) {
	f := memfd(t, 4096)
	inside, leave, closed := make(chan int), make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f.Borrow(func(raw int) error {
			inside <- raw
			<-leave
			var st syscall.Stat_t
			if err := syscall.Fstat(raw, &st); err != nil {
				t.Errorf("the number was closed under a borrower: %v", err)
			}
			return nil
		})
	})
	<-inside
	wg.Go(func() { f.Close(); close(closed) })
	runtime.Gosched()
	select {
	case <-closed:
		t.Error("Close did not wait")
	default:
	}
	close(leave)
	wg.Wait()
}

func TestIoctlErrors(t *testing.T) {
	f := memfd(t, 4096)
	n, err := sys.Ioctl(f, uapi.DMABufIoctlSync, &uapi.DMABufSync{Flags: 3})
	if n != -1 || err != error(syscall.ENOTTY) || !errors.Is(err, syscall.ENOTTY) {
		t.Errorf("%d, %v", n, err)
	}
	if _, err := sys.IoctlNone(f, uapi.RpmsgDestroyEpt); err != error(syscall.ENOTTY) {
		t.Error(err)
	}
	if _, err := sys.IoctlValue(f, uapi.RpmsgSetIncomingFlowcontrol, 0); err != error(syscall.ENOTTY) {
		t.Error(err)
	}
	if err := sys.IoctlNoneOn(-1, uapi.RpmsgDestroyEpt); err != error(syscall.EBADF) {
		t.Error(err)
	}
}

func TestMmap(t *testing.T) {
	f := memfd(t, 8192)
	p, err := sys.Mmap(f, 8192, sys.ProtReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if len(p) != 8192 || cap(p) != 8192 || sys.Address(p)%uintptr(sys.Pagesize()) != 0 {
		t.Errorf("%d of %d bytes at %#x", len(p), cap(p), sys.Address(p))
	}
	copy(p[5000:], "through the mapping")
	buf := make([]byte, 19)
	if _, err := f.ReadAt(buf, 5000); err != nil || string(buf) != "through the mapping" {
		t.Errorf("%q, %v", buf, err)
	}
	if err := sys.Mprotect(p, sys.ProtNone); err != nil {
		t.Error(err)
	}
	if err := sys.Mprotect(p[1:2], sys.ProtRead); !errors.Is(err, syscall.EINVAL) {
		t.Errorf("unaligned Mprotect: %v", err)
	}
	if err := sys.Munmap(p); err != nil {
		t.Error(err)
	}
	if err := sys.Munmap(nil); err != nil {
		t.Error(err)
	}
	for _, size := range []int64{0, -1, math.MinInt64, math.MaxInt64} {
		if p, err := sys.Mmap(f, size, sys.ProtRead); p != nil || err == nil {
			t.Errorf("mapped %d bytes: %v", size, err)
		}
		if p, err := sys.MmapAnon(size); p != nil || err == nil {
			t.Errorf("mapped %d bytes of nothing: %v", size, err)
		}
	}
}

func TestMmapAnon(t *testing.T) {
	p, err := sys.MmapAnon(1 << 28) // far more than is touched
	if err != nil {
		t.Fatal(err)
	}
	p[0], p[len(p)-1] = 1, 1
	if p[len(p)/2] != 0 {
		t.Error("not zeroed")
	}
	if err := sys.Munmap(p); err != nil {
		t.Error(err)
	}
}

func TestMemfd(t *testing.T) {
	f, err := sys.Memfd("sealed", sys.MemfdConfig{Size: 4096, Seals: sys.SealShrink})
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if seals, err := f.Seals(); seals != sys.SealShrink || err != nil {
		t.Errorf("seals %#x, %v", seals, err)
	}
	if err := f.AddSeals(sys.SealSeal); err != nil {
		t.Error(err)
	}
	if err := f.AddSeals(sys.SealWrite); !errors.Is(err, syscall.EPERM) {
		t.Errorf("a seal after the last one: %v", err)
	}
	if size, err := f.SeekEnd(); size != 4096 || err != nil {
		t.Error(size, err)
	}
	if ino, err := f.Inode(); ino == 0 || err != nil {
		t.Error(ino, err)
	}
	for _, c := range []sys.MemfdConfig{{Size: -1}, {Size: math.MinInt64}, {HugeShift: 63}, {Seals: 1 << 20}} {
		if f, err := sys.Memfd("bad", c); f != nil || err == nil {
			f.Close()
			t.Errorf("%+v: %v", c, err)
		}
	}
	if f, err := sys.Memfd(strings.Repeat("x", 300), sys.MemfdConfig{}); f != nil || !errors.Is(err, syscall.EINVAL) {
		t.Errorf("long name: %v", err)
	}
}

func TestPageAlign(t *testing.T) {
	page := int64(sys.Pagesize())
	for _, test := range [][2]int64{{0, 0}, {1, page}, {page, page}, {page + 1, 2 * page}} {
		if got := sys.PageAlign(test[0]); got != test[1] {
			t.Errorf("PageAlign(%d) = %d, want %d", test[0], got, test[1])
		}
	}
	if got := sys.PageAlign(math.MaxInt64); got >= 0 {
		t.Errorf("PageAlign(max) = %d", got)
	}
}

func TestWriteOnce(t *testing.T) {
	dir := t.TempDir()
	attr := filepath.Join(dir, "attr")
	if err := os.WriteFile(attr, []byte("old value"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := sys.WriteOnce(attr, []byte("new")); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(attr); !bytes.HasPrefix(got, []byte("new")) {
		t.Errorf("%q", got)
	}
	for path, want := range map[string]error{
		"/dev/full":                   syscall.ENOSPC,
		filepath.Join(dir, "missing"): fs.ErrNotExist,
		dir:                           syscall.EISDIR,
		"":                            fs.ErrNotExist,
	} {
		if err := sys.WriteOnce(path, []byte("x")); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", path, err, want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "missing")); err == nil {
		t.Error("WriteOnce made a file")
	}
}

func TestMessages(t *testing.T) {
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_DGRAM|syscall.SOCK_NONBLOCK|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b := sys.Own(fds[0], "a"), sys.Own(fds[1], "b")
	defer a.Close()
	defer b.Close()
	buf := make([]byte, 8)
	if n, err := sys.ReadNow(fds[0], buf); n != 0 || err != error(syscall.EAGAIN) {
		t.Errorf("empty: %d, %v", n, err)
	}
	for _, msg := range []string{"", "12345678"} {
		if n, err := sys.WriteNow(fds[1], []byte(msg)); n != len(msg) || err != nil {
			t.Errorf("%q: %d, %v", msg, n, err)
		}
		if n, err := sys.ReadNow(fds[0], buf); n != len(msg) || err != nil {
			t.Errorf("%q: %d, %v", msg, n, err)
		}
	}
	if _, err := sys.ReadNow(-1, buf); err != error(syscall.EBADF) {
		t.Error(err)
	}
	if err := sys.Pollable(fds[0]); err != nil {
		t.Error(err)
	}
	if err := sys.Pollable(-1); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	if err := sys.SetNonblock(-1); !errors.Is(err, syscall.EBADF) {
		t.Error(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		sys.ReadNow(fds[0], buf)
		sys.Ioctl(a, uapi.DMABufIoctlSync, &uapi.DMABufSync{Flags: 1})
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestTracker(t *testing.T) {
	tracker := sys.Tracking()
	if tracker == nil {
		t.Fatal("leak.Main installs no tracker")
	}
	f, err := sys.Open("/dev/null", os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := f.Int()
	found := false
	for _, r := range tracker.Open() {
		if r.FD == raw && strings.Contains(r.Stack(), "TestTracker") {
			found = true
		}
	}
	if !found {
		t.Error("an open descriptor is not on record")
	}
	if f.Close(); len(tracker.Lost()) != 0 {
		t.Errorf("lost: %v", tracker.Lost()[0].What)
	}
	for _, r := range tracker.Open() {
		if r.FD == raw {
			t.Error("a closed descriptor is still on record")
		}
	}
}

// The garbage collector reports a descriptor that was dropped open, and does not close it.
func TestLost(t *testing.T) {
	defer sys.Track(sys.Tracking())
	tracker := sys.NewTracker()
	sys.Track(tracker)
	raw := func() int {
		f, err := sys.Open("/dev/null", os.O_RDONLY)
		if err != nil {
			t.Fatal(err)
		}
		n, _ := f.Int()
		return n
	}()
	defer syscall.Close(raw)
	for t.Context().Err() == nil {
		runtime.GC()
		for _, r := range tracker.Lost() {
			if r.FD == raw {
				var st syscall.Stat_t
				if err := syscall.Fstat(raw, &st); err != nil {
					t.Errorf("it was closed: %v", err)
				}
				return
			}
		}
	}
}
