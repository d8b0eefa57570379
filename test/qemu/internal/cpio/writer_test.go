// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUnpack lets GNU cpio read what Writer wrote: two archives in one file, as the kernel gets them.
func TestUnpack(t *testing.T) {
	tool, err := exec.LookPath("cpio")
	if err != nil {
		t.Skip("cpio is not installed")
	}
	host := filepath.Join(t.TempDir(), "host")
	if err := os.WriteFile(host, []byte("from the host"), 0o600); err != nil {
		t.Fatal(err)
	}
	var first, second bytes.Buffer
	w := NewWriter(&first)
	w.File("/bin/init", 0o755, []byte("#!"))
	w.Link("bin/sh", "init")
	w.Dir("a/b/../c")
	w.File("odd", 0o644, []byte("12345"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	w = NewWriter(&second)
	w.CopyFile("lib/x/host", host, 0o644)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if first.Len()%512 != 0 {
		t.Errorf("archive of %d bytes: the next one would not start where it may", first.Len())
	}

	dir := t.TempDir()
	for _, archive := range []*bytes.Buffer{&first, &second} {
		cmd := exec.Command(tool, "-id", "--quiet")
		cmd.Dir, cmd.Stdin = dir, archive
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	for name, want := range map[string]string{"bin/init": "#!", "bin/sh": "#!", "odd": "12345", "lib/x/host": "from the host"} {
		if got, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(got) != want {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	if info, err := os.Stat(filepath.Join(dir, "bin/init")); err != nil || info.Mode() != 0o755 {
		t.Errorf("bin/init: %v, %v", info, err)
	}
	if info, err := os.Stat(filepath.Join(dir, "a/c")); err != nil || !info.IsDir() {
		t.Errorf("a/c: %v, %v", info, err)
	}
}

func TestCharDev(t *testing.T) {
	var b bytes.Buffer
	w := NewWriter(&b)
	w.CharDev("dev/console", 0o600, 5, 1)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	// After the entry of /dev: a header with mode 020600 and device 5, 1.
	at := strings.Index(b.String(), "dev/console\x00")
	if at < 110 {
		t.Fatalf("no entry in %q", b.String())
	}
	h := b.String()[at-110 : at]
	if h[:6] != "070701" || h[14:22] != "00002180" || h[78:86] != "00000005" || h[86:94] != "00000001" {
		t.Errorf("header %s", h)
	}
}

func TestErrorsStick(t *testing.T) {
	w := NewWriter(failing{})
	w.File("x", 0o644, make([]byte, 1<<20))
	w.File("y", 0o644, nil)
	if err := w.Close(); !errors.Is(err, errDisk) {
		t.Errorf("error %v", err)
	}
	w = NewWriter(&bytes.Buffer{})
	w.CopyFile("x", "/does/not/exist", 0o644)
	w.File("y", 0o644, nil)
	if err := w.Close(); !os.IsNotExist(errors.Unwrap(err)) && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

var errDisk = errors.New("disk full")

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errDisk }
