// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offload-runtime/offload/internal/sysfs/sysfstest"
	"github.com/offload-runtime/offload/internal/testenv"
)

// addRemoteproc adds a remoteproc as TI's K3 boards have them.
func addRemoteproc(tree *sysfstest.Tree, device, name, state string) string {
	parent := "devices/platform/bus@100000/" + name
	dir := parent + "/remoteproc/" + device
	tree.Attr(dir+"/name", name)
	tree.Attr(dir+"/state", state)
	tree.Attr(dir+"/firmware", name+".elf")
	tree.Attr(dir+"/recovery", "enabled")
	tree.Attr(dir+"/coredump", "disabled")
	tree.Link("class/remoteproc/"+device, dir)
	return dir
}

func board(t *testing.T) *sysfstest.Tree {
	tree := sysfstest.New(t)
	addRemoteproc(tree, "remoteproc10", "5000000.m4fss", "offline")
	dir := addRemoteproc(tree, "remoteproc2", "64800000.dsp", "running")
	tree.Mkdir("firmware/devicetree/base/bus@100000/dsp@64800000")
	tree.Link(dir+"/../../of_node", "firmware/devicetree/base/bus@100000/dsp@64800000")
	tree.Attr("class/remoteproc/remoteprocx/state", "no processor")
	tree.Attr("class/remoteproc/version", "no processor")
	return tree
}

func TestList(t *testing.T) {
	tree := board(t)
	list, err := List(tree.Root)
	if err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
	dsp := list[0]
	if dsp.Index != 2 || dsp.Device != "remoteproc2" || dsp.Name != "64800000.dsp" || dsp.Parent != "64800000.dsp" ||
		dsp.Node != "dsp@64800000" || dsp.State != StateRunning || dsp.Firmware != "64800000.dsp.elf" || dsp.Err != nil {
		t.Errorf("dsp: %+v", dsp)
	}
	if m4 := list[1]; m4.Index != 10 || m4.Node != "" || m4.State != StateOffline {
		t.Errorf("m4: %+v", m4)
	}
	if s := dsp.String(); s != "remoteproc2 (64800000.dsp)" {
		t.Error(s)
	}
}

func TestListPartly(t *testing.T) {
	tree := board(t)
	tree.Remove("class/remoteproc/remoteproc10/firmware")
	list, err := List(tree.Root)
	if err != nil || len(list) != 2 {
		t.Fatal(list, err)
	}
	if m4 := list[1]; !errors.Is(m4.Err, fs.ErrNotExist) || m4.Name != "5000000.m4fss" || m4.Firmware != "" {
		t.Errorf("%+v", m4)
	}
}

func TestListNothing(t *testing.T) {
	tree := sysfstest.New(t)
	if list, err := List(tree.Root); !errors.Is(err, fs.ErrNotExist) || list != nil || !strings.Contains(err.Error(), "CONFIG_REMOTEPROC") {
		t.Errorf("%v, %v", list, err)
	}
	tree.Mkdir("class/remoteproc")
	if list, err := List(tree.Root); err != nil || len(list) != 0 {
		t.Errorf("%v, %v", list, err)
	}
	for _, root := range []string{"", "/nowhere\x00", "/nowhere"} {
		if list, err := List(root); err == nil {
			t.Errorf("%q: %v", root, list)
		}
	}
}

func TestFind(t *testing.T) {
	tree := board(t)
	aliases := map[string]string{"dsp0": "64800000.dsp", "m4": "remoteproc10", "64800000.dsp": "remoteproc2", "lost": "1.dsp"}
	for name, device := range map[string]string{
		"remoteproc2": "remoteproc2", "64800000.dsp": "remoteproc2", "dsp@64800000": "remoteproc2", "dsp0": "remoteproc2",
		"m4": "remoteproc10", "5000000.m4fss": "remoteproc10",
	} {
		if r, err := Find(tree.Root, name, aliases); err != nil || r.Device != device {
			t.Errorf("%q: %v, %v", name, r, err)
		}
	}
	for _, name := range []string{"", "dsp1", "lost", "remoteproc0", "../remoteproc2", "remoteproc02", "remoteproc"} {
		_, err := Find(tree.Root, name, aliases)
		var missing *NotFoundError
		if !errors.As(err, &missing) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%q: %v", name, err)
			continue
		}
		for _, want := range []string{"remoteproc2 (64800000.dsp)", "remoteproc10", "dsp0 (for 64800000.dsp)"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v does not list %q", name, err, want)
			}
		}
	}
	tree.Attr("class/remoteproc/remoteproc10/name", "64800000.dsp")
	if r, err := Find(tree.Root, "64800000.dsp", nil); err == nil || !strings.Contains(err.Error(), "ambiguous") {
		t.Errorf("ambiguous: %v, %v", r, err)
	}
	if _, err := Find(sysfstest.New(t).Root, "x", nil); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no remoteproc: %v", err)
	}
}

// A Processor over files: reads, and writes that succeed or fail by themselves.
func TestProcessorOverSysfs(t *testing.T) {
	tree := board(t)
	r, err := Find(tree.Root, "5000000.m4fss", nil)
	if err != nil {
		t.Fatal(err)
	}
	p := r.Processor()
	if p.Name() != "5000000.m4fss" {
		t.Errorf("name %q", p.Name())
	}
	if s, err := p.State(); s != StateOffline || err != nil {
		t.Errorf("%q, %v", s, err)
	}
	if on, err := p.Recovery(); !on || err != nil {
		t.Errorf("%v, %v", on, err)
	}
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := tree.Read("class/remoteproc/remoteproc10/state"); !strings.HasPrefix(got, "start") || strings.HasPrefix(got, "start\n") {
		t.Errorf("written %q", got)
	}
	if err := p.SetFirmware(t.Context(), "other-name-of-some-length.elf"); err != nil {
		t.Fatal(err)
	}
	if fw, err := p.Firmware(); fw != "other-name-of-some-length.elf" || err != nil {
		t.Errorf("%q, %v", fw, err)
	}

	tree.Remove("class/remoteproc/remoteproc10/recovery")
	tree.Full("class/remoteproc/remoteproc10/recovery")
	if err := p.SetRecovery(t.Context(), true); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full: %v", err)
	}
	tree.Remove("class/remoteproc/remoteproc10/coredump")
	tree.Mkdir("class/remoteproc/remoteproc10/coredump")
	if err := p.SetCoredumpMode(t.Context(), CoredumpEnabled); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("directory: %v", err)
	}
	tree.Remove("class/remoteproc/remoteproc10/coredump")
	if err := p.SetCoredumpMode(t.Context(), CoredumpEnabled); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("missing: %v", err)
	}
	if _, err := os.Stat(tree.Path("class/remoteproc/remoteproc10/coredump")); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the write made the attribute")
	}
	tree.Remove("class/remoteproc/remoteproc10")
	for name, f := range map[string]func() error{
		"state": func() error { _, err := p.State(); return err },
		"start": func() error { return p.Start(t.Context()) },
		"stop":  func() error { return p.Stop(t.Context()) },
	} {
		if err := f(); !errors.Is(err, ErrGone) {
			t.Errorf("%s after the driver was unbound: %v", name, err)
		}
	}
}

func TestReadOnlyProcessor(t *testing.T) {
	testenv.NeedUser(t)
	tree := board(t)
	for _, attr := range []string{"state", "firmware"} {
		tree.Remove("class/remoteproc/remoteproc10/" + attr)
	}
	tree.ReadOnly("class/remoteproc/remoteproc10/state", "offline")
	tree.ReadOnly("class/remoteproc/remoteproc10/firmware", "x")
	r, err := Find(tree.Root, "remoteproc10", nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Processor().Start(t.Context()); !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "udev") {
		t.Errorf("start: %v", err)
	}
	if err := r.Processor().SetFirmware(t.Context(), "y"); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("set firmware: %v", err)
	}
}

func TestCoredump(t *testing.T) {
	tree := board(t)
	if _, err := FindCoredump(tree.Root, "remoteproc2"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("without the class: %v", err)
	}
	tree.Attr("class/devcoredump/disabled", "0")
	for i, device := range []string{"remoteproc10", "remoteproc2"} {
		dir := "devices/virtual/devcoredump/devcd" + string(rune('1'+i))
		tree.Raw(dir+"/data", "\x7fELF of "+device)
		tree.Link(dir+"/failing_device", "devices/platform/x/remoteproc/"+device)
		tree.Link("class/devcoredump/devcd"+string(rune('1'+i)), dir)
	}
	dump, err := WaitCoredump(t.Context(), tree.Root, "remoteproc2")
	if err != nil || dump.Name != "devcd2" || dump.Device != "remoteproc2" {
		t.Fatalf("%+v, %v", dump, err)
	}
	for range 2 {
		var b bytes.Buffer
		if n, err := dump.WriteTo(&b); err != nil || n != int64(b.Len()) || b.String() != "\x7fELF of remoteproc2" {
			t.Errorf("%d bytes %q, %v", n, b.String(), err)
		}
	}
	if err := dump.Release(); err != nil {
		t.Error(err)
	}
	if got := tree.Read("class/devcoredump/devcd2/data"); got[0] != '1' {
		t.Errorf("data is %q after release", got)
	}
	tree.Remove("devices/virtual/devcoredump/devcd2")
	if err := dump.Release(); err != nil {
		t.Errorf("release of a dump that timed out: %v", err)
	}
	if _, err := dump.WriteTo(new(bytes.Buffer)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("reading a dump that timed out: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := WaitCoredump(ctx, tree.Root, "remoteproc2"); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("waiting for nothing: %v", err)
	}
	for _, device := range []string{"", ".", "devcd1"} {
		if d, err := FindCoredump(tree.Root, device); err == nil {
			t.Errorf("%q: %v", device, d)
		}
	}
	full, _ := FindCoredump(tree.Root, "remoteproc10")
	if _, err := full.WriteTo(fullWriter{}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("full disk: %v", err)
	}
}

type fullWriter struct{}

func (fullWriter) Write([]byte) (int, error) { return 0, syscall.ENOSPC }
