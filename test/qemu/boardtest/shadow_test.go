// SPDX-License-Identifier: Apache-2.0

package boardtest

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/testenv"
	"github.com/offload-runtime/offload/internal/uapi"
)

const (
	line = 64 // what the shadow heap moves at once
	size = 64 << 10
)

// shadow is a buffer of the shadow heap with both of its sides.
type shadow struct {
	t      *testing.T
	buf    *sys.FD
	node   *sys.FD // holds the attachment
	cpu    []byte  // what a program sees
	device []byte  // what a processor would see: the memory behind the address
}

// newShadow allocates a buffer and attaches it through a node, to see its device side through /dev/mem.
func newShadow(t *testing.T, node string) *shadow {
	t.Helper()
	testenv.NeedRoot(t)
	heap, err := sys.Open(testenv.NeedHeap(t, "shadow"), os.O_RDONLY)
	if err != nil {
		t.Fatal(err)
	}
	defer heap.Close()
	arg := uapi.DMAHeapAllocationData{Len: size, FDFlags: syscall.O_RDWR | syscall.O_CLOEXEC}
	if _, err := sys.Ioctl(heap, uapi.DMAHeapAlloc, &arg); err != nil {
		t.Fatal(err)
	}
	s := &shadow{t: t, buf: sys.Own(int(arg.FD), "shadow buffer")}
	t.Cleanup(func() { s.buf.Close() })
	if s.cpu, err = sys.Mmap(s.buf, size, sys.ProtReadWrite); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { sys.Munmap(s.cpu) })

	phys := s.attach(node)
	mem, err := os.OpenFile("/dev/mem", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	if s.device, err = syscall.Mmap(int(mem.Fd()), int64(phys), size, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Munmap(s.device) })
	return s
}

// attach maps the buffer for a device and returns its address. The attachment lasts until the node is closed.
func (s *shadow) attach(node string) uint64 {
	s.t.Helper()
	testenv.NeedDevice(s.t, node)
	var err error
	if s.node, err = sys.Open(node, os.O_RDONLY); err != nil {
		s.t.Fatal(err)
	}
	fd := s.node
	s.t.Cleanup(func() { fd.Close() })
	number, err := s.buf.Int()
	if err != nil {
		s.t.Fatal(err)
	}
	if strings.HasPrefix(node, "/dev/offload/") {
		arg := uapi.TIRprocDMABufAttachData{FD: uint32(number)}
		if _, err := sys.Ioctl(s.node, uapi.TIRprocDMABufAttach, &arg); err != nil {
			s.t.Fatal(err)
		}
		return arg.DA
	}
	arg := uapi.TIDMABufPhysData{FD: uint32(number)}
	if _, err := sys.Ioctl(s.node, uapi.TIDMABufPhysConvert, &arg); err != nil {
		s.t.Fatal(err)
	}
	return arg.Phys
}

func (s *shadow) sync(flags uint64) {
	s.t.Helper()
	if _, err := sys.Ioctl(s.buf, uapi.DMABufIoctlSync, &uapi.DMABufSync{Flags: flags}); err != nil {
		s.t.Fatal(err)
	}
}

func (s *shadow) start(access uint64) { s.t.Helper(); s.sync(uapi.DMABufSyncStart | access) }
func (s *shadow) end(access uint64)   { s.t.Helper(); s.sync(uapi.DMABufSyncEnd | access) }

const (
	forRead  = uapi.DMABufSyncRead
	forWrite = uapi.DMABufSyncWrite
	forBoth  = forRead | forWrite
)

// fill writes byte by byte: the device side is mapped as device memory, where wide or unaligned accesses may fault.
func fill(b []byte, with byte) {
	for i := range b {
		b[i] = with
	}
}

// expect finds the first byte that is not want.
func expect(t *testing.T, what string, b []byte, want byte) {
	t.Helper()
	for i, got := range b {
		if got != want {
			t.Errorf("%s: byte %d is %#x, want %#x", what, i, got, want)
			return
		}
	}
}

// attachNode attaches for no particular processor: a device that is not coherent.
const attachNode = "/dev/dma-buf-phys"

func TestShadowHeap(t *testing.T) {
	tests := []struct {
		name string
		do   func(t *testing.T, s *shadow)
	}{
		{"brackets are right", func(t *testing.T, s *shadow) {
			s.start(forBoth)
			fill(s.cpu, 1)
			s.end(forBoth)
			expect(t, "device", s.device, 1)
			fill(s.device, 2)
			s.start(forRead)
			expect(t, "CPU", s.cpu, 2)
			s.end(forRead)
			expect(t, "device after a bracket for reading", s.device, 2)
		}},
		{"END is missing", func(t *testing.T, s *shadow) {
			s.start(forWrite)
			fill(s.cpu, 1)
			expect(t, "device", s.device, 0)
			s.end(forWrite)
			expect(t, "device, END given late", s.device, 1)
		}},
		{"START is missing", func(t *testing.T, s *shadow) {
			fill(s.device, 1)
			expect(t, "CPU", s.cpu, 0)
			s.start(forRead)
			expect(t, "CPU, START given late", s.cpu, 1)
			s.end(forRead)
		}},
		{"written in a bracket for reading", func(t *testing.T, s *shadow) {
			s.start(forRead)
			fill(s.cpu, 1)
			s.end(forRead)
			expect(t, "device", s.device, 0)
		}},
		{"written before START", func(t *testing.T, s *shadow) {
			fill(s.cpu, 1)
			s.start(forBoth)
			expect(t, "CPU", s.cpu, 0)
			s.end(forBoth)
			expect(t, "device", s.device, 0)
		}},
		{"read in a bracket for writing", func(t *testing.T, s *shadow) {
			fill(s.device, 1)
			s.start(forWrite)
			expect(t, "CPU", s.cpu, 0)
			s.end(forWrite)
			expect(t, "device, which nobody overwrote", s.device, 1)
		}},
		{"device writes another line meanwhile", func(t *testing.T, s *shadow) {
			s.start(forBoth)
			fill(s.cpu[:line], 1)
			fill(s.device[line:], 2)
			s.end(forBoth)
			expect(t, "device, the CPU's line", s.device[:line], 1)
			expect(t, "device, its own lines", s.device[line:], 2)
		}},
		{"device writes the same line meanwhile", func(t *testing.T, s *shadow) {
			s.start(forBoth)
			fill(s.cpu[:line/2], 1)
			fill(s.device[line/2:line], 2)
			s.end(forBoth)
			expect(t, "device, the CPU's half", s.device[:line/2], 1)
			expect(t, "device, its own half", s.device[line/2:line], 0)
		}},
		{"nothing attached", func(t *testing.T, s *shadow) {
			s.node.Close()
			s.start(forBoth)
			fill(s.cpu, 1)
			s.end(forBoth)
			expect(t, "device", s.device, 0)
			s.attach(attachNode)
			expect(t, "device, attached", s.device, 1)
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) { test.do(t, newShadow(t, attachNode)) })
	}
}

// TestShadowHeapAndCoherence: a device that calls itself coherent gets its brackets all the same, so that a program is
// right on this heap if it is right at all; unless the board is the one whose device tree lies.
func TestShadowHeapAndCoherence(t *testing.T) {
	lies := os.Getenv("OFFLOAD_MACHINE") == "dsp-liar"
	for _, node := range testenv.NeedGlob(t, "/dev/offload/remoteproc*") {
		s := newShadow(t, node)
		s.start(forBoth)
		fill(s.cpu, 1)
		s.end(forBoth)
		want := byte(1)
		if lies {
			want = 0
		}
		expect(t, node, s.device, want)
	}
}
