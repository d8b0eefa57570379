// SPDX-License-Identifier: Apache-2.0

package sysfstest

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/offload-runtime/offload/internal/sysfs"
)

// Tree is a fixture tree.
type Tree struct {
	Root string
	tb   testing.TB
}

// New returns an empty tree.
func New(tb testing.TB) *Tree {
	tb.Helper()
	// TempDir may itself lie behind a link, which would make resolved paths differ from joined ones.
	root, err := filepath.EvalSymlinks(tb.TempDir())
	if err != nil {
		tb.Fatal(err)
	}
	return &Tree{Root: root, tb: tb}
}

// Path is the path of name in the tree.
func (t *Tree) Path(name string) string { return filepath.Join(t.Root, name) }

// Dir is the directory called name, as package sysfs sees it.
func (t *Tree) Dir(name string) sysfs.Dir { return sysfs.Dir{Root: t.Path(name)} }

// Mkdir makes a directory and those above it.
func (t *Tree) Mkdir(name string) {
	t.tb.Helper()
	t.must(os.MkdirAll(t.Path(name), 0o755))
}

// Attr makes an attribute, with the newline that the kernel ends most of them with.
func (t *Tree) Attr(name, value string) { t.tb.Helper(); t.Raw(name, value+"\n") }

// Raw makes an attribute of exactly these bytes.
func (t *Tree) Raw(name, value string) {
	t.tb.Helper()
	t.Mkdir(filepath.Dir(name))
	t.must(os.WriteFile(t.Path(name), []byte(value), 0o644))
}

// ReadOnly makes an attribute that cannot be written: EACCES, except for root.
func (t *Tree) ReadOnly(name, value string) {
	t.tb.Helper()
	t.Attr(name, value)
	t.must(os.Chmod(t.Path(name), 0o444))
}

// Full makes an attribute whose writes fail with ENOSPC.
func (t *Tree) Full(name string) {
	t.tb.Helper()
	t.Mkdir(filepath.Dir(name))
	t.must(os.Symlink("/dev/full", t.Path(name)))
}

// Link makes a relative link called name to target, both names in the tree.
func (t *Tree) Link(name, target string) {
	t.tb.Helper()
	t.Mkdir(filepath.Dir(name))
	rel, err := filepath.Rel(filepath.Dir(t.Path(name)), t.Path(target))
	t.must(err)
	t.must(os.Symlink(rel, t.Path(name)))
}

// Node makes a FIFO: something to open that poll(2) works on, and that gives back what was written to it when it is
// opened for both.
func (t *Tree) Node(name string) {
	t.tb.Helper()
	t.Mkdir(filepath.Dir(name))
	t.must(syscall.Mkfifo(t.Path(name), 0o644))
}

// Remove removes name and what is below.
func (t *Tree) Remove(name string) { t.tb.Helper(); t.must(os.RemoveAll(t.Path(name))) }

// Read returns the bytes of an attribute.
func (t *Tree) Read(name string) string {
	t.tb.Helper()
	b, err := os.ReadFile(t.Path(name))
	t.must(err)
	return string(b)
}

func (t *Tree) must(err error) {
	t.tb.Helper()
	if err != nil {
		t.tb.Fatal(err)
	}
}
