// SPDX-License-Identifier: Apache-2.0

package dmabuf_test

import (
	"bytes"
	"errors"
	"io"
	"math"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/dmabuf"
	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/sys"
)

func TestMain(m *testing.M) { leak.Main(m) }

// exporter is one of the test's own: it counts, and fails on demand.
type exporter struct {
	size       int64
	failMap    error
	failBegin  error
	failEnd    error
	failFree   error
	short      bool
	mu         sync.Mutex
	log        []string
	maps, gone int
	mapping    []byte
}

func (x *exporter) note(s string) { x.mu.Lock(); x.log = append(x.log, s); x.mu.Unlock() }

func (x *exporter) Mmap() ([]byte, error) {
	if x.failMap != nil {
		return nil, x.failMap
	}
	x.maps++
	size := x.size
	if x.short {
		size /= 2
	}
	var err error
	x.mapping, err = sys.MmapAnon(size)
	return x.mapping, err
}

func (x *exporter) Munmap(p []byte) error { x.maps--; return sys.Munmap(p) }
func (x *exporter) BeginCPUAccess(a dmabuf.Access) error {
	x.note("start " + a.String())
	return x.failBegin
}
func (x *exporter) EndCPUAccess(a dmabuf.Access) error { x.note("end " + a.String()); return x.failEnd }
func (x *exporter) Release() error                     { x.gone++; return x.failFree }

func newBuffer(t *testing.T, x *exporter) *dmabuf.Buffer {
	t.Helper()
	if x.size == 0 {
		x.size = 8192
	}
	b, err := dmabuf.New(x, dmabuf.Info{Heap: "own", Name: "frame", Size: x.size, Inode: 7})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		if x.maps != 0 || x.gone != 1 {
			t.Errorf("%d mappings left, released %d times", x.maps, x.gone)
		}
	})
	return b
}

func anonymous(t testing.TB, size int64) *dmabuf.Buffer {
	t.Helper()
	b, err := dmabuf.Anonymous(size, "frame")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.Close() })
	return b
}

func TestInfo(t *testing.T) {
	b := newBuffer(t, &exporter{})
	if b.Size() != 8192 || b.Name() != "frame" || b.Heap() != "own" || b.Inode() != 7 || b.Info().Size != 8192 {
		t.Errorf("%+v", b.Info())
	}
	if _, err := b.FD(); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("FD: %v", err)
	}
	a := anonymous(t, 1)
	if a.Size() != int64(sys.Pagesize()) || a.Heap() != "memfd" || a.Inode() == 0 {
		t.Errorf("%+v", a.Info())
	}
	fd, err := a.FD()
	var st syscall.Stat_t
	if err != nil || syscall.Fstat(fd, &st) != nil || st.Ino != a.Inode() {
		t.Errorf("descriptor %d, %v, inode %d", fd, err, st.Ino)
	}
}

func TestBadSizes(t *testing.T) {
	for _, size := range []int64{0, -1, math.MinInt64} {
		if b, err := dmabuf.Anonymous(size, "x"); b != nil || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("Anonymous(%d): %v", size, err)
		}
		if b, err := dmabuf.New(&exporter{}, dmabuf.Info{Size: size}); b != nil || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("New of %d: %v", size, err)
		}
	}
	for _, size := range []int64{math.MaxInt64, math.MaxInt64 - 4095, math.MaxInt64 / 2} {
		if b, err := dmabuf.Anonymous(size, "x"); b != nil || !errors.Is(err, syscall.ENOMEM) {
			t.Errorf("Anonymous(%d): %v", size, err)
		}
	}
	if b, err := dmabuf.New(nil, dmabuf.Info{Size: 4096}); b != nil || !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

func TestCheckRange(t *testing.T) {
	b := newBuffer(t, &exporter{})
	size, big := b.Size(), int64(math.MaxInt64)
	for _, test := range []struct {
		off, n int64
		ok     bool
	}{
		{0, 0, true}, {0, size, true}, {size, 0, true}, {size - 1, 1, true}, {size / 2, size / 2, true},
		{size, 1, false}, {size - 1, 2, false}, {size + 1, 0, false}, {2, big, false}, {big, 2, false},
		{big, big, false}, {-1, 1, false}, {0, -1, false}, {math.MinInt64, 0, false}, {0, math.MinInt64, false},
		{0, size + 1, false},
	} {
		err := b.CheckRange(test.off, test.n)
		if (err == nil) != test.ok || (err != nil && !errors.Is(err, dmabuf.ErrRange)) {
			t.Errorf("(%d, %d): %v", test.off, test.n, err)
		}
	}
	text := b.CheckRange(8191, 2).Error()
	for _, want := range []string{"frame", "own", "8192", "8191", "2 bytes"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q does not say %q", text, want)
		}
	}
}

func TestBrackets(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("bytes before any bracket: %v", err)
	}
	if err := b.Begin(dmabuf.Write); err != nil {
		t.Fatal(err)
	}
	if err := b.Open(dmabuf.Read); err != nil { // nested, without SYNC
		t.Fatal(err)
	}
	p, err := b.Bytes()
	if err != nil || len(p) != 8192 || cap(p) != 8192 {
		t.Fatalf("%d of %d bytes, %v", len(p), cap(p), err)
	}
	p[0] = 1
	if err := b.End(dmabuf.Write); err != nil {
		t.Error(err)
	}
	if _, err := b.Bytes(); err != nil {
		t.Errorf("bytes in the outer bracket: %v", err)
	}
	if err := b.Shut(dmabuf.Read); err != nil {
		t.Error(err)
	}
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("bytes after the last bracket: %v", err)
	}
	for name, err := range map[string]error{"End": b.End(dmabuf.Read), "Shut": b.Shut(dmabuf.Read)} {
		if !errors.Is(err, dmabuf.ErrNoBracket) {
			t.Errorf("%s without a bracket: %v", name, err)
		}
	}
	b.SyncStart(dmabuf.ReadWrite)
	b.SyncEnd(dmabuf.ReadWrite)
	if got := strings.Join(x.log, ", "); got != "start write, end write, start read-write, end read-write" {
		t.Errorf("SYNCs: %s", got)
	}
	if x.maps != 1 {
		t.Errorf("mapped %d times", x.maps)
	}
}

func TestView(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	mine := errors.New("mine")
	if err := b.View(dmabuf.ReadWrite, func(p []byte) error { p[1] = 2; return mine }); !errors.Is(err, mine) {
		t.Error(err)
	}
	x.failEnd = syscall.EIO
	err := b.View(dmabuf.Read, func(p []byte) error { return mine })
	if !errors.Is(err, mine) || !errors.Is(err, syscall.EIO) {
		t.Errorf("the error of End is lost: %v", err)
	}
	x.failEnd = nil
	func() {
		defer func() { recover() }()
		b.View(dmabuf.Read, func([]byte) error { panic("in the callback") })
	}()
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("a bracket stayed open: %v", err)
	}
	if n := len(x.log); n != 6 || x.log[5] != "end read" {
		t.Errorf("SYNCs: %v", x.log)
	}
}

func TestSyncFails(t *testing.T) {
	x := &exporter{failBegin: syscall.EIO}
	b := newBuffer(t, x)
	err := b.Begin(dmabuf.Read)
	if !errors.Is(err, syscall.EIO) || !strings.Contains(err.Error(), "frame") {
		t.Error(err)
	}
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("Begin failed and left a bracket: %v", err)
	}
	x.failBegin, x.failEnd = nil, syscall.EINVAL
	if err := b.Begin(dmabuf.Read); err != nil {
		t.Fatal(err)
	}
	if err := b.End(dmabuf.Read); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	if _, err := b.Bytes(); !errors.Is(err, dmabuf.ErrNoBracket) {
		t.Errorf("End failed and left a bracket: %v", err)
	}
}

func TestMapFails(t *testing.T) {
	for _, test := range []struct {
		name string
		x    *exporter
		want []error
	}{
		{"secure", &exporter{failMap: errors.ErrUnsupported}, []error{dmabuf.ErrNotMappable, errors.ErrUnsupported}},
		{"no memory", &exporter{failMap: syscall.ENOMEM}, []error{syscall.ENOMEM}},
	} {
		t.Run(test.name, func(t *testing.T) {
			b := newBuffer(t, test.x)
			_, base := b.Base()
			_, read := b.ReadAt(make([]byte, 1), 0)
			_, write := b.WriteAt(make([]byte, 1), 0)
			view := b.View(dmabuf.Read, func([]byte) error { t.Error("called"); return nil })
			for _, err := range []error{b.Begin(dmabuf.Read), b.Open(dmabuf.Read), base, read, write, view} {
				for _, want := range test.want {
					if !errors.Is(err, want) {
						t.Errorf("%v is not %v", err, want)
					}
				}
			}
			// SYNC needs no mapping.
			if err := b.SyncStart(dmabuf.Read); err != nil {
				t.Error(err)
			}
		})
	}
	b := newBuffer(t, &exporter{short: true})
	if err := b.Open(dmabuf.Read); err == nil || !strings.Contains(err.Error(), "4096 of 8192") {
		t.Errorf("an exporter that maps too little: %v", err)
	}
}

func TestInvalidAccess(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	b.Open(dmabuf.Read)
	for _, a := range []dmabuf.Access{0, 4, 7, 255} {
		for name, f := range map[string]func(dmabuf.Access) error{
			"Begin": b.Begin, "End": b.End, "Open": b.Open, "Shut": b.Shut, "SyncStart": b.SyncStart, "SyncEnd": b.SyncEnd,
			"View": func(a dmabuf.Access) error { return b.View(a, func([]byte) error { return nil }) },
		} {
			if err := f(a); !errors.Is(err, os.ErrInvalid) {
				t.Errorf("%s(%v): %v", name, a, err)
			}
		}
	}
	if err := b.Shut(dmabuf.Read); err != nil {
		t.Error(err)
	}
	if len(x.log) != 0 {
		t.Errorf("SYNCs: %v", x.log)
	}
}

func TestClosed(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	b.View(dmabuf.Read, func([]byte) error { return nil })
	for range 2 {
		if err := b.Close(); err != nil {
			t.Error(err)
		}
	}
	_, bytes := b.Bytes()
	_, base := b.Base()
	_, fd := b.FD()
	_, read := b.ReadAt(make([]byte, 1), 0)
	_, nothing := b.ReadAt(nil, 0)
	_, end := b.ReadAt(make([]byte, 1), 8192)
	_, write := b.WriteAt(make([]byte, 1), 0)
	_, empty := b.WriteAt(nil, 0)
	for name, err := range map[string]error{
		"Begin": b.Begin(dmabuf.Read), "End": b.End(dmabuf.Read), "Open": b.Open(dmabuf.Read), "Shut": b.Shut(dmabuf.Read),
		"SyncStart": b.SyncStart(dmabuf.Read), "SyncEnd": b.SyncEnd(dmabuf.Read), "SetChecked": b.SetChecked(true),
		"View":  b.View(dmabuf.Read, func([]byte) error { return nil }),
		"Bytes": bytes, "Base": base, "FD": fd, "ReadAt": read, "ReadAt nothing": nothing, "ReadAt the end": end,
		"WriteAt": write, "WriteAt nothing": empty,
	} {
		if !errors.Is(err, os.ErrClosed) || !strings.Contains(err.Error(), "frame") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCloseWithOpenBrackets(t *testing.T) {
	x := &exporter{failFree: syscall.EIO}
	b := newBuffer(t, x)
	b.Begin(dmabuf.Read)
	b.Open(dmabuf.Write)
	err := b.Close()
	if err == nil || !strings.Contains(err.Error(), "2 CPU access brackets") || !errors.Is(err, syscall.EIO) {
		t.Error(err)
	}
	if x.maps != 0 || x.gone != 1 {
		t.Errorf("%d mappings, released %d times", x.maps, x.gone)
	}
	if err := b.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func TestReadWriteAt(t *testing.T) {
	x := &exporter{}
	b := newBuffer(t, x)
	size := b.Size()
	if n, err := b.WriteAt([]byte("hello"), size-5); n != 5 || err != nil {
		t.Fatal(n, err)
	}
	for _, test := range []struct {
		off  int64
		n    int
		want int
		err  error
	}{
		{size - 5, 5, 5, nil}, {size - 5, 6, 5, io.EOF}, {size, 1, 0, io.EOF}, {math.MaxInt64, 1, 0, io.EOF},
		{size, 0, 0, nil}, {0, 0, 0, nil}, {-1, 1, 0, dmabuf.ErrRange}, {math.MinInt64, 1, 0, dmabuf.ErrRange},
	} {
		buf := make([]byte, test.n)
		n, err := b.ReadAt(buf, test.off)
		if n != test.want || !errors.Is(err, test.err) || (err == nil) != (test.err == nil) {
			t.Errorf("reading %d at %d: %d, %v; want %d, %v", test.n, test.off, n, err, test.want, test.err)
		}
		if n == 5 && string(buf[:n]) != "hello" {
			t.Errorf("read %q", buf[:n])
		}
	}
	for _, off := range []int64{size - 4, size, size + 1, -1, math.MaxInt64, math.MinInt64} {
		if n, err := b.WriteAt([]byte("world"), off); n != 0 || !errors.Is(err, dmabuf.ErrRange) {
			t.Errorf("writing at %d: %d, %v", off, n, err)
		}
	}
	got, err := io.ReadAll(io.NewSectionReader(b, size-5, 100))
	if err != nil || string(got) != "hello" {
		t.Errorf("%q, %v", got, err)
	}
	// A part of a cache line must be read in before it is written back; the whole buffer need not.
	x.log = nil
	b.WriteAt([]byte("x"), 0)
	b.WriteAt(bytes.Repeat([]byte("x"), int(size)), 0)
	if got := strings.Join(x.log, ", "); got != "start read-write, end read-write, start write, end write" {
		t.Errorf("SYNCs: %s", got)
	}
}

func TestBase(t *testing.T) {
	b := anonymous(t, 4096)
	base, err := b.Base()
	if err != nil {
		t.Fatal(err)
	}
	b.View(dmabuf.Read, func(p []byte) error {
		if sys.Address(p) != base {
			t.Errorf("bytes at %#x, base %#x", sys.Address(p), base)
		}
		return nil
	})
}

func TestAccessString(t *testing.T) {
	for a, want := range map[dmabuf.Access]string{0: "none", dmabuf.Read: "read", dmabuf.Write: "write",
		dmabuf.ReadWrite: "read-write", 8: "access(0x8)"} {
		if a.String() != want {
			t.Errorf("%d is %q", a, a.String())
		}
	}
}

func TestConcurrent(t *testing.T) {
	b := anonymous(t, 1<<16)
	b.SetChecked(true)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				err := b.View(dmabuf.ReadWrite, func(p []byte) error { p[i*64]++; return nil })
				if err != nil && !errors.Is(err, os.ErrClosed) {
					t.Error(err)
				}
				b.SyncStart(dmabuf.Read)
				b.FD()
			}
		})
	}
	wg.Wait()
	p := make([]byte, 1)
	if _, err := b.ReadAt(p, 64); err != nil || p[0] != 200 {
		t.Errorf("%d, %v", p[0], err)
	}
}

// Closing while others use it: everybody gets os.ErrClosed and nobody a released exporter.
func TestCloseConcurrently(t *testing.T) {
	for range 50 {
		b := anonymous(t, 4096)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for {
					if err := b.SyncStart(dmabuf.Read); err != nil {
						if !errors.Is(err, os.ErrClosed) {
							t.Error(err)
						}
						return
					}
				}
			})
		}
		wg.Go(func() { b.Close() })
		wg.Go(func() { b.Close() })
		wg.Wait()
	}
}

func TestAllocs(t *testing.T) {
	b := anonymous(t, 4096)
	f := func(p []byte) error { p[0]++; return nil }
	for _, checked := range []bool{false, true} {
		b.SetChecked(checked)
		for name, do := range map[string]func() error{
			"Begin/End": func() error { return errors.Join(b.Begin(dmabuf.ReadWrite), b.End(dmabuf.ReadWrite)) },
			"Open/Shut": func() error { return errors.Join(b.Open(dmabuf.Read), b.Shut(dmabuf.Read)) },
			"View":      func() error { return b.View(dmabuf.Read|dmabuf.Write, f) },
			"SYNC":      func() error { return errors.Join(b.SyncStart(dmabuf.Read), b.SyncEnd(dmabuf.Read)) },
		} {
			if n := testing.AllocsPerRun(100, func() {
				if err := do(); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%s, checked %v: %v allocations", name, checked, n)
			}
		}
	}
}

func BenchmarkView(b *testing.B) {
	buf := anonymous(b, 4096)
	f := func(p []byte) error { p[0]++; return nil }
	b.ReportAllocs()
	for b.Loop() {
		buf.View(dmabuf.ReadWrite, f)
	}
}
