// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

const (
	physNode = "/dev/dma-buf-phys"

	kib = 1 << 10
	mib = 1 << 20
	gib = 1 << 30
)

// within is how long the kernel may take for what it does by itself. No test is faster for a smaller one.
const within = 20 * time.Second

// open opens a device for the test.
func open(t testing.TB, path string) *sys.FD {
	t.Helper()
	testenv.NeedDevice(t, path)
	fd, err := sys.Open(path, os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, fd) })
	return fd
}

func closed(t testing.TB, fd *sys.FD) {
	t.Helper()
	if err := fd.Close(); err != nil {
		t.Error(err)
	}
}

func number(t testing.TB, fd *sys.FD) int {
	t.Helper()
	n, err := fd.Int()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// allocFrom allocates from an open heap.
func allocFrom(heap *sys.FD, size uint64) (*sys.FD, error) {
	arg := uapi.DMAHeapAllocationData{Len: size, FDFlags: syscall.O_RDWR | syscall.O_CLOEXEC}
	if _, err := sys.Ioctl(heap, uapi.DMAHeapAlloc, &arg); err != nil {
		return nil, err
	}
	return sys.Own(int(arg.FD), "buffer of "+heap.Name()), nil
}

// alloc allocates a buffer of a heap in /dev/dma_heap that lives as long as the test.
func alloc(t testing.TB, heap string, size uint64) *sys.FD {
	t.Helper()
	node, err := sys.Open(testenv.NeedHeap(t, heap), os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer closed(t, node)
	buf, err := allocFrom(node, size)
	if err != nil {
		t.Fatalf("%d bytes of %s: %v", size, heap, err)
	}
	t.Cleanup(func() { closed(t, buf) })
	return buf
}

// attach is what both nodes are for: the requests differ in the number only.
func attach(node, buf *sys.FD) (uint64, error) {
	fd, err := buf.Int()
	if err != nil {
		return 0, err
	}
	return attachRaw(node, uint32(fd), 0)
}

func attachRaw(node *sys.FD, fd, pad uint32) (uint64, error) {
	if node.Name() == physNode {
		arg := uapi.TIDMABufPhysData{FD: fd, Pad: pad}
		_, err := sys.Ioctl(node, uapi.TIDMABufPhysConvert, &arg)
		return arg.Phys, err
	}
	arg := uapi.TIRprocDMABufAttachData{FD: fd, Pad: pad}
	_, err := sys.Ioctl(node, uapi.TIRprocDMABufAttach, &arg)
	return arg.DA, err
}

func mustAttach(t testing.TB, node, buf *sys.FD) uint64 {
	t.Helper()
	addr, err := attach(node, buf)
	if err != nil {
		t.Fatalf("attaching to %s: %v", node.Name(), err)
	}
	return addr
}

func sync(t testing.TB, buf *sys.FD, flags uint64) {
	t.Helper()
	if _, err := sys.Ioctl(buf, uapi.DMABufIoctlSync, &uapi.DMABufSync{Flags: flags}); err != nil {
		t.Fatalf("SYNC %#x: %v", flags, err)
	}
}

// mapped maps a buffer for the test.
func mapped(t testing.TB, buf *sys.FD, offset, size int64) []byte {
	t.Helper()
	b, err := syscall.Mmap(number(t, buf), offset, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		t.Fatalf("mapping %d bytes at %d: %v", size, offset, err)
	}
	t.Cleanup(func() { unmapped(t, b) })
	return b
}

func unmapped(t testing.TB, b []byte) {
	t.Helper()
	// EINVAL: the test has done so itself.
	if err := syscall.Munmap(b); err != nil && !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
}

func filled(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// firstOther is the index of the first byte that is not want, or -1.
func firstOther(b []byte, want byte) int {
	for i, c := range b {
		if c != want {
			return i
		}
	}
	return -1
}

// hangup asks poll whether a file's attachments have ended.
func hangup(t testing.TB, fd *sys.FD) bool {
	t.Helper()
	ep, err := syscall.EpollCreate1(syscall.EPOLL_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(ep)
	n := number(t, fd)
	if err := syscall.EpollCtl(ep, syscall.EPOLL_CTL_ADD, n, &syscall.EpollEvent{Fd: int32(n)}); err != nil {
		t.Fatal(err)
	}
	var events [1]syscall.EpollEvent
	got, err := syscall.EpollWait(ep, events[:], 0)
	if err != nil {
		t.Fatal(err)
	}
	const want = syscall.EPOLLERR | syscall.EPOLLHUP
	return got == 1 && events[0].Events&want == want
}

// fdinfo is a line of /proc/self/fdinfo.
func fdinfo(t testing.TB, fd *sys.FD, key string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", number(t, fd)))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if k, v, ok := strings.Cut(line, ":"); ok && k == key {
			return strings.TrimSpace(v)
		}
	}
	t.Fatalf("no %q in fdinfo of %s:\n%s", key, fd.Name(), text)
	return ""
}

// references is the count in a DMA-BUF's fdinfo: descriptors, mappings and importers that hold it.
func references(t testing.TB, buf *sys.FD) int {
	t.Helper()
	n, err := strconv.Atoi(fdinfo(t, buf, "count"))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// buffers is how many DMA-BUFs there are in the system.
func buffers(t testing.TB) int {
	t.Helper()
	const dir = "/sys/kernel/dmabuf/buffers"
	testenv.NeedDevice(t, dir)
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// attachments lists the devices attached to a buffer, from the debug file system.
func attachments(t testing.TB, buf *sys.FD) []string {
	t.Helper()
	const path = "/sys/kernel/debug/dma_buf/bufinfo"
	testenv.NeedDevice(t, path)
	ino, err := buf.Inode()
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var found, listing bool
	var devices []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		switch {
		case len(fields) >= 7: // size flags mode count exporter inode name
			n, err := strconv.ParseUint(fields[5], 10, 64)
			found, listing = err == nil && n == ino, false
		case found && strings.Contains(line, "Attached Devices:"):
			listing = true
		case strings.HasPrefix(line, "Total"):
			found, listing = false, false
		case found && listing && len(fields) == 1:
			devices = append(devices, fields[0])
		}
	}
	return devices
}

// attribute reads a file of sysfs.
func attribute(t testing.TB, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

func numeric(t testing.TB, path string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(attribute(t, path), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits for what the kernel does in its own time.
func eventually(t testing.TB, what string, done func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	late := time.After(within)
	for !done() {
		select {
		case <-tick.C:
		case <-late:
			t.Fatalf("%s: not after %v", what, within)
		}
	}
}

// carveout is a heap of the module, with its directory of attributes.
type carveout struct {
	name, dir string
}

func (c carveout) free(t testing.TB) int64 { return numeric(t, filepath.Join(c.dir, "free")) }
func (c carveout) largest(t testing.TB) int64 {
	return numeric(t, filepath.Join(c.dir, "largest_free"))
}
func (c carveout) size(t testing.TB) int64 { return numeric(t, filepath.Join(c.dir, "size")) }

// carveouts lists the module's heaps.
func carveouts(t testing.TB) []carveout {
	t.Helper()
	var all []carveout
	for _, dir := range testenv.NeedGlob(t, "/sys/bus/platform/drivers/carveout_heap/*/heap") {
		all = append(all, carveout{name: attribute(t, filepath.Join(dir, "name")), dir: dir})
	}
	return all
}

func heapNamed(t testing.TB, name string) carveout {
	t.Helper()
	testenv.NeedHeap(t, name)
	for _, heap := range carveouts(t) {
		if heap.name == name {
			return heap
		}
	}
	t.Fatalf("/dev/dma_heap/%s is not the module's", name)
	return carveout{}
}

// eachHeap runs a test for every heap of the module.
func eachHeap(t *testing.T, f func(t *testing.T, heap carveout)) {
	testenv.NeedRoot(t)
	for _, heap := range carveouts(t) {
		t.Run(heap.name, func(t *testing.T) { f(t, heap) })
	}
}
