// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"

	"github.com/offload-runtime/offload/internal/testenv"
)

func TestStore(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	one, two := []byte("image one"), []byte("image two!")
	file, err := s.Install("fw.elf", one)
	if err != nil {
		t.Fatal(err)
	}
	if want := "fw-b873cce066eb02ed.elf"; file != want { // printf 'image one' | sha256sum
		t.Errorf("file %q, want %q", file, want)
	}
	path := filepath.Join(s.Dir, file)
	before, err := os.Stat(path)
	if err != nil || before.Mode() != 0o644 {
		t.Fatal(before, err)
	}
	other, err := s.Install("fw.elf", two)
	if err != nil || other == file {
		t.Fatalf("%q, %v: another content must be another file", other, err)
	}
	if b, _ := os.ReadFile(path); !bytes.Equal(b, one) {
		t.Error("the first image changed")
	}
	again, err := s.Install("fw.elf", one)
	if after, _ := os.Stat(path); err != nil || again != file || !os.SameFile(before, after) {
		t.Errorf("installing again: %q, %v, or it is a new file", again, err)
	}
	if err := checkFirmwarePath(file); err != nil {
		t.Error(err)
	}

	os.WriteFile(filepath.Join(s.Dir, "distribution.elf"), one, 0o644)
	os.Mkdir(filepath.Join(s.Dir, "dir-0123456789abcdef.elf"), 0o755)
	list, err := s.List()
	want := []Installed{{file, "fw.elf", 9}, {other, "fw.elf", 10}}
	if other < file {
		want[0], want[1] = want[1], want[0]
	}
	if err != nil || !reflect.DeepEqual(list, want) {
		t.Errorf("list %v, %v, want %v", list, err, want)
	}
	if err := s.Remove(file); err != nil {
		t.Error(err)
	}
	if err := s.Remove(file); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second remove: %v", err)
	}
	for _, name := range []string{"distribution.elf", "", "..", "../" + other, "/" + other, "-0123456789abcdef", "x-0123456789ABCDEF"} {
		if err := s.Remove(name); !errors.Is(err, ErrBadName) {
			t.Errorf("remove %q: %v", name, err)
		}
	}
	if list, err := s.List(); err != nil || len(list) != 1 || list[0].File != other {
		t.Errorf("list %v, %v", list, err)
	}
}

// What lies under the right name with the wrong content, say after a power cut of another tool, is replaced.
func TestStoreRepairs(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	image := []byte("an image")
	path := filepath.Join(s.Dir, storedName("fw", image))
	for _, wrong := range []string{"", "an imag", "an imagE", "an image and more"} {
		os.WriteFile(path, []byte(wrong), 0o600)
		if _, err := s.Install("fw", image); err != nil {
			t.Fatal(err)
		}
		if b, _ := os.ReadFile(path); !bytes.Equal(b, image) {
			t.Errorf("%q became %q", wrong, b)
		}
	}
	if names, _ := os.ReadDir(s.Dir); len(names) != 1 {
		t.Errorf("left behind: %v", names)
	}
}

func TestStoreRefuses(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	for _, name := range []string{"", ".", "..", ".hidden", "-rf", "a/b", "../x", "/x", `a\b`, "a b", "a\n", "a\x00", "\x1b[2J", "ü", strings.Repeat("x", 129)} {
		if file, err := s.Install(name, []byte("x")); !errors.Is(err, ErrBadName) || file != "" {
			t.Errorf("%q: %q, %v", name, file, err)
		}
	}
	for _, image := range [][]byte{nil, {}} {
		if _, err := s.Install("fw", image); !errors.Is(err, ErrBadImage) {
			t.Errorf("empty image: %v", err)
		}
	}
	if _, err := s.Install(strings.Repeat("x", 128), []byte("x")); err != nil {
		t.Errorf("longest name: %v", err)
	}
	for _, bad := range []Store{{}, {Dir: filepath.Join(s.Dir, "none")}, {Dir: "/dev/null"}, {Dir: "a\x00b"}} {
		_, installErr := bad.Install("fw", []byte("x"))
		_, listErr := bad.List()
		removeErr := bad.Remove("fw-0123456789abcdef")
		if installErr == nil || listErr == nil || removeErr == nil {
			t.Errorf("%q: %v, %v, %v", bad.Dir, installErr, listErr, removeErr)
		}
	}
	if _, err := (Store{Dir: filepath.Join(s.Dir, "none")}).Install("fw", []byte("x")); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	// A directory under the file's name: the rename fails and nothing is left.
	name := storedName("fw", []byte("x"))
	os.MkdirAll(filepath.Join(s.Dir, name, "full"), 0o755)
	if _, err := s.Install("fw", []byte("x")); err == nil {
		t.Error("a directory was replaced")
	}
	entries, _ := os.ReadDir(s.Dir)
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".offload") {
			t.Errorf("left behind: %s", e.Name())
		}
	}
}

// A link in the directory does not lead out of it.
func TestStoreLinks(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	outside := filepath.Join(t.TempDir(), "outside")
	os.WriteFile(outside, []byte("precious"), 0o644)
	name := storedName("fw", []byte("x"))
	os.Symlink(outside, filepath.Join(s.Dir, name))
	if _, err := s.Install("fw", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(outside); string(b) != "precious" {
		t.Errorf("the file behind the link is %q", b)
	}
	if b, _ := os.ReadFile(filepath.Join(s.Dir, name)); string(b) != "x" {
		t.Errorf("installed %q", b)
	}
}

func TestStorePermission(t *testing.T) {
	testenv.NeedUser(t)
	dir := t.TempDir()
	os.Chmod(dir, 0o555)
	_, err := Store{Dir: dir}.Install("fw", []byte("x"))
	if !errors.Is(err, fs.ErrPermission) || !strings.Contains(err.Error(), "firmware_class.path") {
		t.Errorf("%v", err)
	}
}

func TestStoreConcurrent(t *testing.T) {
	s := Store{Dir: t.TempDir()}
	var wg sync.WaitGroup
	for i := range 16 {
		wg.Go(func() {
			image := bytes.Repeat([]byte{byte(i % 4)}, 10000)
			file, err := s.Install("fw", image)
			if err != nil {
				t.Error(err)
				return
			}
			if b, err := os.ReadFile(filepath.Join(s.Dir, file)); err != nil || !bytes.Equal(b, image) {
				t.Errorf("%s: %d bytes, %v", file, len(b), err)
			}
		})
	}
	wg.Wait()
	if names, _ := os.ReadDir(s.Dir); len(names) != 4 {
		t.Errorf("%d files", len(names))
	}
}

func TestSearchPath(t *testing.T) {
	got := fmt.Sprint(SearchPath("/opt/fw", "6.12.1"))
	if got != "[/opt/fw /lib/firmware/updates/6.12.1 /lib/firmware/updates /lib/firmware/6.12.1 /lib/firmware]" {
		t.Error(got)
	}
	if got := SearchPath("", ""); !reflect.DeepEqual(got, []string{"/lib/firmware/updates", "/lib/firmware"}) {
		t.Error(got)
	}
}

func TestOriginalName(t *testing.T) {
	for _, name := range []string{"fw.elf", "fw", "a-b.c.elf", "x-0123456789abcdef.elf", strings.Repeat("y", 128)} {
		if got, ok := originalName(storedName(name, []byte("z"))); !ok || got != name {
			t.Errorf("%q came back as %q, %v", name, got, ok)
		}
	}
}
