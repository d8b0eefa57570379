// SPDX-License-Identifier: Apache-2.0

package rpmsg_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sysfs/sysfstest"
	"github.com/offload-runtime/offload/rpmsg"
)

// board is a fixture of two processors: remoteproc0 announces "rpmsg-raw" (with a node), "offload" (without driver) and
// "taken" (with another driver); remoteproc1, of an older kernel, announces "offload" with a node.
func board(t *testing.T) (*sysfstest.Tree, rpmsg.Bus) {
	t.Helper()
	tree := sysfstest.New(t)
	virtio0 := "sys/devices/platform/rproc-cpu1/remoteproc/remoteproc0/rproc-virtio.2.auto/virtio0"
	virtio1 := "sys/devices/platform/bus@f0000/7e000000.dsp/remoteproc/remoteproc1/remoteproc1#vdev0buffer/virtio1"
	channel(tree, virtio0, "virtio0", "rpmsg-raw", "0x400", "rpmsg0")
	channel(tree, virtio0, "virtio0", "offload", "0x401", "")
	channel(tree, virtio0, "virtio0", "taken", "0x402", "")
	tree.Link(virtio0+"/virtio0.taken.-1.1026/driver", "sys/bus/rpmsg/drivers/rpmsg_tty")
	control(tree, virtio0, "virtio0", "rpmsg_ctrl0")
	channel(tree, virtio1, "virtio1", "offload", "0x400", "rpmsg1")
	control(tree, virtio1, "virtio1", "rpmsg_ctrl1")
	tree.Mkdir("sys/bus/rpmsg/drivers/rpmsg_tty")
	return tree, rpmsg.Bus{SysRoot: tree.Path("sys"), DevRoot: tree.Path("dev")}
}

var dsts = map[string]string{"0x400": "1024", "0x401": "1025", "0x402": "1026", "0xffffffff": "-1"}

func channel(tree *sysfstest.Tree, virtio, name, service, dst, node string) string {
	dev := name + "." + service + ".-1." + dsts[dst]
	path := virtio + "/" + dev
	tree.Attr(path+"/name", service)
	tree.Attr(path+"/src", "0xffffffff")
	tree.Attr(path+"/dst", dst)
	tree.Raw(path+"/driver_override", strings.Repeat(" ", 20))
	tree.Link("sys/bus/rpmsg/devices/"+dev, path)
	if node != "" {
		tree.Link(path+"/driver", "sys/bus/rpmsg/drivers/rpmsg_chrdev")
		endpoint(tree, path+"/rpmsg", node, service, dsts[dst])
	}
	return path
}

func endpoint(tree *sysfstest.Tree, dir, node, service, dst string) {
	path := dir + "/" + node
	tree.Attr(path+"/name", service)
	tree.Attr(path+"/src", "-1")
	tree.Attr(path+"/dst", dst)
	tree.Link("sys/class/rpmsg/"+node, path)
	tree.Node("dev/" + node)
}

func control(tree *sysfstest.Tree, virtio, name, node string) {
	path := virtio + "/" + name + ".rpmsg_ctrl.0.0"
	tree.Attr(path+"/name", "rpmsg_ctrl")
	tree.Attr(path+"/src", "0x0")
	tree.Attr(path+"/dst", "0x0")
	tree.Link(path+"/driver", "sys/bus/rpmsg/drivers/rpmsg_ctrl")
	tree.Mkdir(path + "/rpmsg/" + node)
	tree.Link("sys/bus/rpmsg/devices/"+filepath.Base(path), path)
	tree.Link("sys/class/rpmsg/"+node, path+"/rpmsg/"+node)
	tree.Node("dev/" + node)
}

func TestChannels(t *testing.T) {
	tree, bus := board(t)
	tree.Link("sys/bus/rpmsg/devices/virtio9.gone.-1.9", "sys/devices/gone") // went away since it was listed
	list, err := bus.Channels()
	if err != nil {
		t.Fatal(err)
	}
	byName := make(map[string]rpmsg.Channel)
	for _, c := range list {
		byName[c.Device] = c
	}
	if len(byName) != 6 {
		t.Errorf("%d channels: %v", len(byName), list)
	}
	for _, want := range []rpmsg.Channel{
		{Device: "virtio0.rpmsg-raw.-1.1024", Name: "rpmsg-raw", Src: rpmsg.AddrAny, Dst: 1024, Processor: "remoteproc0", Driver: "rpmsg_chrdev", Node: "rpmsg0"},
		{Device: "virtio0.offload.-1.1025", Name: "offload", Src: rpmsg.AddrAny, Dst: 1025, Processor: "remoteproc0"},
		{Device: "virtio0.taken.-1.1026", Name: "taken", Src: rpmsg.AddrAny, Dst: 1026, Processor: "remoteproc0", Driver: "rpmsg_tty"},
		{Device: "virtio1.offload.-1.1024", Name: "offload", Src: rpmsg.AddrAny, Dst: 1024, Processor: "remoteproc1", Driver: "rpmsg_chrdev", Node: "rpmsg1"},
		{Device: "virtio0.rpmsg_ctrl.0.0", Name: "rpmsg_ctrl", Processor: "remoteproc0", Driver: "rpmsg_ctrl", Node: "rpmsg_ctrl0"},
	} {
		if got := rpmsg.Plain(byName[want.Device]); got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
	}
}

func TestDevices(t *testing.T) {
	tree, bus := board(t)
	endpoint(tree, "sys/devices/platform/rproc-cpu1/remoteproc/remoteproc0/rproc-virtio.2.auto/virtio0/virtio0.rpmsg_ctrl.0.0/rpmsg/rpmsg_ctrl0",
		"rpmsg7", "mine", "1030")
	list, err := bus.Devices()
	if err != nil {
		t.Fatal(err)
	}
	want := []rpmsg.Device{
		{Node: "rpmsg0", Name: "rpmsg-raw", Src: rpmsg.AddrAny, Dst: 1024, Processor: "remoteproc0", Parent: "virtio0.rpmsg-raw.-1.1024"},
		{Node: "rpmsg1", Name: "offload", Src: rpmsg.AddrAny, Dst: 1024, Processor: "remoteproc1", Parent: "virtio1.offload.-1.1024"},
		{Node: "rpmsg7", Name: "mine", Src: rpmsg.AddrAny, Dst: 1030, Processor: "remoteproc0", Parent: "rpmsg_ctrl0"},
		{Node: "rpmsg_ctrl0", Processor: "remoteproc0", Parent: "virtio0.rpmsg_ctrl.0.0"},
		{Node: "rpmsg_ctrl1", Processor: "remoteproc1", Parent: "virtio1.rpmsg_ctrl.0.0"},
	}
	if len(list) != len(want) {
		t.Fatalf("got %+v", list)
	}
	for i := range want {
		if got := rpmsg.PlainDevice(list[i]); got != want[i] {
			t.Errorf("got  %+v\nwant %+v", got, want[i])
		}
		if list[i].Control() != strings.HasPrefix(want[i].Node, "rpmsg_ctrl") {
			t.Errorf("%s: Control is %v", want[i].Node, list[i].Control())
		}
	}
}

func TestNoBus(t *testing.T) {
	bus := rpmsg.Bus{SysRoot: t.TempDir(), DevRoot: t.TempDir()}
	if list, err := bus.Channels(); list != nil || err != nil {
		t.Error(list, err)
	}
	if list, err := bus.Devices(); list != nil || err != nil {
		t.Error(list, err)
	}
}

func TestBadAddress(t *testing.T) {
	tree, bus := board(t)
	virtio := "sys/devices/platform/rproc-cpu1/remoteproc/remoteproc0/rproc-virtio.2.auto/virtio0"
	tree.Attr(virtio+"/virtio0.offload.-1.1025/dst", "0x1ffffffff")
	if _, err := bus.Channels(); err == nil || !strings.Contains(err.Error(), "virtio0.offload.-1.1025/dst") {
		t.Errorf("got %v", err)
	}
}

// works sends a message through the FIFO behind a fixture node and gets it back.
func works(t *testing.T, e *rpmsg.Endpoint) {
	t.Helper()
	buf := make([]byte, rpmsg.MaxPayload)
	if err := e.Send(t.Context(), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if n, err := e.Recv(t.Context(), buf); err != nil || string(buf[:n]) != "hello" {
		t.Errorf("%q, %v", buf[:n], err)
	}
}

func TestDialNode(t *testing.T) {
	tree, bus := board(t)
	for _, test := range []struct{ processor, service, node string }{
		{"remoteproc0", "rpmsg-raw", "rpmsg0"},
		{"", "rpmsg-raw", "rpmsg0"},
		{"remoteproc1", "offload", "rpmsg1"},
	} {
		e, err := bus.Dial(t.Context(), rpmsg.DialConfig{Processor: test.processor, Service: test.service})
		if err != nil {
			t.Fatal(err)
		}
		if e.Name() != tree.Path("dev/"+test.node) {
			t.Errorf("%v opened %s", test, e.Name())
		}
		works(t, e)
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	}
}

// answerer plays the kernel behind a FIFO attribute: it waits for one write and then does as it is told.
func answerer(t *testing.T, path string, do func(written string)) (wait func()) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buf := make([]byte, 128)
		if n, err := f.Read(buf); err == nil {
			do(string(buf[:n]))
		}
	}()
	return func() { f.Close(); <-done }
}

func TestDialBinds(t *testing.T) {
	tree, bus := board(t)
	const device = "virtio0.offload.-1.1025"
	path := "sys/devices/platform/rproc-cpu1/remoteproc/remoteproc0/rproc-virtio.2.auto/virtio0/" + device
	tree.Node("sys/bus/rpmsg/drivers/rpmsg_chrdev/bind")
	wait := answerer(t, tree.Path("sys/bus/rpmsg/drivers/rpmsg_chrdev/bind"), func(written string) {
		if override := strings.TrimSpace(tree.Read(path + "/driver_override")); written != device || override != "rpmsg_chrdev" {
			t.Errorf("bound %q with override %q", written, override)
		}
		endpoint(tree, path+"/rpmsg", "rpmsg5", "offload", "1025")
	})
	defer wait()
	e, err := bus.Dial(t.Context(), rpmsg.DialConfig{Processor: "remoteproc0", Service: "offload"})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if filepath.Base(e.Name()) != "rpmsg5" {
		t.Errorf("opened %s", e.Name())
	}
	works(t, e)
}

// stepper is a context that lets the world go on by one step each time somebody looks at it, as Dial does between looks
// at the file system.
type stepper struct {
	context.Context
	steps []func()
}

func (s *stepper) Err() error {
	if len(s.steps) > 0 {
		s.steps[0]()
		s.steps = s.steps[1:]
	}
	return s.Context.Err()
}

// A channel comes up in steps: without its attributes, without its driver's node, without the node in /dev.
func TestDialWaits(t *testing.T) {
	tree, bus := board(t)
	path := "sys/devices/platform/rproc-cpu1/remoteproc/remoteproc0/rproc-virtio.2.auto/virtio0/virtio0.late.-1.1024"
	ctx := &stepper{t.Context(), []func(){
		func() {},
		func() { tree.Mkdir(path); tree.Link("sys/bus/rpmsg/devices/virtio0.late.-1.1024", path) },
		func() { tree.Link(path+"/driver", "sys/bus/rpmsg/drivers/rpmsg_chrdev") },
		func() { tree.Attr(path+"/src", "0xffffffff"); tree.Attr(path+"/dst", "0x400") },
		func() { tree.Attr(path+"/name", "late") },
		func() { tree.Mkdir(path + "/rpmsg") },
		func() { tree.Mkdir(path + "/rpmsg/rpmsg9") },
		func() {},
		func() { tree.Node("dev/rpmsg9") },
	}}
	e, err := bus.Dial(ctx, rpmsg.DialConfig{Processor: "remoteproc0", Service: "late", Wait: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if len(ctx.steps) != 0 {
		t.Errorf("%d steps are left", len(ctx.steps))
	}
	works(t, e)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
}

func TestDialErrors(t *testing.T) {
	tree, bus := board(t)
	tree.Remove("dev/rpmsg1")
	tree.Raw("dev/rpmsg1", "no message file")
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	soon, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	for _, test := range []struct {
		name   string
		ctx    context.Context
		config rpmsg.DialConfig
		want   error
		text   string
	}{
		{"no service", t.Context(), rpmsg.DialConfig{}, os.ErrInvalid, ""},
		{"unknown service", t.Context(), rpmsg.DialConfig{Processor: "remoteproc0", Service: "x"}, fs.ErrNotExist, "available: offload, rpmsg-raw"},
		{"unknown processor", t.Context(), rpmsg.DialConfig{Processor: "remoteproc7", Service: "offload"}, fs.ErrNotExist, "available: none"},
		{"waited for in vain", t.Context(), rpmsg.DialConfig{Service: "x", Wait: 3 * time.Millisecond}, fs.ErrNotExist, "after 3ms"},
		{"context ends", soon, rpmsg.DialConfig{Service: "x", Wait: time.Hour}, context.DeadlineExceeded, ""},
		{"context ended", cancelled, rpmsg.DialConfig{Service: "rpmsg-raw"}, context.Canceled, ""},
		{"no message file", t.Context(), rpmsg.DialConfig{Processor: "remoteproc1", Service: "offload"}, syscall.EPERM, "dev/rpmsg1"},
		// The FIFOs of the fixture know no ioctl.
		{"no driver, no control device", t.Context(), rpmsg.DialConfig{Processor: "remoteproc0", Service: "offload"}, syscall.ENOTTY, "rpmsg_chrdev/bind"},
		{"another driver", t.Context(), rpmsg.DialConfig{Processor: "remoteproc0", Service: "taken"}, syscall.ENOTTY, "rpmsg_ctrl0"},
		{"own endpoint", t.Context(), rpmsg.DialConfig{Processor: "remoteproc1", Service: "offload", Own: true}, syscall.ENOTTY, "rpmsg_ctrl1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			e, err := bus.Dial(test.ctx, test.config)
			if e != nil || !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("got %v, want %v with %q", err, test.want, test.text)
			}
		})
	}
}

// A device that left takes its node along: no reason to wait for it.
func TestDialDeviceGone(t *testing.T) {
	tree, bus := board(t)
	if e, err := bus.OpenNode(t.Context(), "rpmsg9", tree.Path("sys/devices/gone")); e != nil || !errors.Is(err, rpmsg.ErrPeerGone) {
		t.Errorf("got %v", err)
	}
}

func FuzzParseAddr(f *testing.F) {
	for _, s := range []string{"0x400", "-1", "0xffffffff", "1024", "", "0x", "99999999999", "-0x80000001", "1_0"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		addr, err := rpmsg.ParseAddr(text)
		if err != nil && addr != 0 {
			t.Errorf("%q: %d and %v", text, addr, err)
		}
	})
}
