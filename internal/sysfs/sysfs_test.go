// SPDX-License-Identifier: Apache-2.0

package sysfs_test

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/leak"
	"github.com/offload-runtime/offload/internal/sys"
	"github.com/offload-runtime/offload/internal/sysfs"
	"github.com/offload-runtime/offload/internal/sysfs/sysfstest"
	"github.com/offload-runtime/offload/internal/testenv"
)

func TestMain(m *testing.M) { leak.Main(m) }

func fixture(t *testing.T) (*sysfstest.Tree, sysfs.Dir) {
	tree := sysfstest.New(t)
	device := "devices/platform/rproc/remoteproc/remoteproc0"
	tree.Attr(device+"/state", "offline")
	tree.Raw(device+"/bare", "no newline")
	tree.Raw(device+"/lines", "a\nb\n\n")
	tree.Raw(device+"/empty", "")
	tree.Raw(device+"/page", strings.Repeat("x", sys.Pagesize()))
	tree.Raw(device+"/longer", strings.Repeat("x", sys.Pagesize()+1))
	tree.Full(device + "/full")
	tree.ReadOnly(device+"/name", "dsp")
	tree.Link("class/remoteproc/remoteproc0", device)
	return tree, tree.Dir("class/remoteproc/remoteproc0")
}

func TestReadAttr(t *testing.T) {
	_, dir := fixture(t)
	for _, test := range []struct {
		name, want string
		err        error
	}{
		{"state", "offline", nil},
		{"bare", "no newline", nil},
		{"lines", "a\nb\n", nil},
		{"empty", "", nil},
		{"page", strings.Repeat("x", sys.Pagesize()), nil},
		{"longer", "", io.ErrShortBuffer},
		{"missing", "", fs.ErrNotExist},
		{".", "", syscall.EISDIR},
		{"../remoteproc0/state", "", fs.ErrInvalid},
		{"/etc/hostname", "", fs.ErrInvalid},
		{"a/../state", "", fs.ErrInvalid},
		{"state/", "", fs.ErrInvalid},
		{"", "", fs.ErrInvalid},
		{"sta\x00te", "", fs.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := dir.ReadAttr(test.name)
			if got != test.want || !errors.Is(err, test.err) {
				t.Errorf("%d bytes %.20q, %v; want %d bytes, %v", len(got), got, err, len(test.want), test.err)
			}
			if err != nil && test.err == fs.ErrNotExist && !strings.Contains(err.Error(), dir.Root) {
				t.Errorf("%v does not name the path", err)
			}
		})
	}
}

func TestWriteAttr(t *testing.T) {
	tree, dir := fixture(t)
	for _, test := range []struct {
		name string
		err  error
	}{
		{"state", nil},
		{"full", syscall.ENOSPC},
		{"missing", fs.ErrNotExist},
		{".", syscall.EISDIR},
		{"../remoteproc0/state", fs.ErrInvalid},
		{"", fs.ErrInvalid},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := dir.WriteAttr(test.name, "start"); !errors.Is(err, test.err) {
				t.Errorf("got %v, want %v", err, test.err)
			}
		})
	}
	if got, _ := dir.ReadAttr("state"); !strings.HasPrefix(got, "start") {
		t.Errorf("state is %q after the write", got)
	}
	if _, err := os.Lstat(tree.Path("class/remoteproc/remoteproc0/missing")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a write made the attribute: %v", err)
	}
}

func TestWriteAttrForbidden(t *testing.T) {
	testenv.NeedUser(t)
	_, dir := fixture(t)
	if err := dir.WriteAttr("name", "x"); !errors.Is(err, fs.ErrPermission) || !errors.Is(err, syscall.EACCES) {
		t.Errorf("got %v", err)
	}
}

func TestLinks(t *testing.T) {
	tree, dir := fixture(t)
	class := tree.Dir("class/remoteproc")
	if names, err := class.List("."); err != nil || !reflect.DeepEqual(names, []string{"remoteproc0"}) {
		t.Errorf("List: %v, %v", names, err)
	}
	if names, err := class.List("remoteproc0"); err != nil || len(names) != 8 {
		t.Errorf("List through a link: %v, %v", names, err)
	}
	if _, err := class.List("remoteproc9"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("List of nothing: %v", err)
	}
	if link, err := class.Readlink("remoteproc0"); err != nil || link != "../../devices/platform/rproc/remoteproc/remoteproc0" {
		t.Errorf("Readlink: %q, %v", link, err)
	}
	path, err := class.Resolve("remoteproc0")
	if want := tree.Path("devices/platform/rproc/remoteproc/remoteproc0"); err != nil || path != want {
		t.Errorf("Resolve: %q, %v; want %q", path, err, want)
	}
	sub, err := class.Sub("remoteproc0")
	if err != nil || sub != dir || filepath.Base(sub.Root) != "remoteproc0" {
		t.Errorf("Sub: %v, %v", sub, err)
	}
	for _, f := range []func(string) error{
		func(n string) error { _, err := class.List(n); return err },
		func(n string) error { _, err := class.Readlink(n); return err },
		func(n string) error { _, err := class.Resolve(n); return err },
		func(n string) error { _, err := class.Sub(n); return err },
		func(n string) error { _, err := sysfs.Dir{}.ReadAttr("state"); return err },
	} {
		if err := f(".."); !errors.Is(err, fs.ErrInvalid) {
			t.Errorf("got %v, want fs.ErrInvalid", err)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"state", "a/b", "..", "a/../..", "/", "", ".", "a//b", "\x00"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		path, err := sysfs.Dir{Root: "/root/of/it"}.Path(name)
		if err == nil && path != "/root/of/it" && !strings.HasPrefix(path, "/root/of/it/") {
			t.Errorf("%q leads to %q", name, path)
		}
	})
}
