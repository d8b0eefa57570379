// SPDX-License-Identifier: Apache-2.0

package cache

import (
	"os"
	"path/filepath"
	"testing"
)

func TestKeyDependsOnEveryInput(t *testing.T) {
	write := func(dir, name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	seen := make(map[string]string)
	add := func(what string, fill func(k *Key, dir string)) {
		t.Helper()
		dir := t.TempDir()
		write(dir, "a.c", "int a;")
		write(dir, "sub/b.c", "int b;")
		k := NewKey("r")
		fill(k, dir)
		key, err := k.Sum()
		if err != nil {
			t.Fatal(err)
		}
		if other, ok := seen[key]; ok {
			t.Errorf("%s has the key of %s", what, other)
		}
		seen[key] = what
	}
	add("nothing", func(*Key, string) {})
	add("text", func(k *Key, _ string) { k.Text("ab", "c") })
	add("text cut elsewhere", func(k *Key, _ string) { k.Text("a", "bc") })
	add("tree", func(k *Key, dir string) { k.Tree("t", dir) })
	add("tree, file changed", func(k *Key, dir string) { write(dir, "sub/b.c", "int B;"); k.Tree("t", dir) })
	add("tree, file renamed", func(k *Key, dir string) {
		os.Rename(filepath.Join(dir, "a.c"), filepath.Join(dir, "c.c"))
		k.Tree("t", dir)
	})
	add("tree, file added", func(k *Key, dir string) { write(dir, "z", ""); k.Tree("t", dir) })
	add("file", func(k *Key, dir string) { k.File("a.c", filepath.Join(dir, "a.c")) })
	add("no tree", func(k *Key, dir string) { k.Tree("t", filepath.Join(dir, "none")) })
}

func TestKeyOfAMissingFile(t *testing.T) {
	k := NewKey("r")
	k.File("a", filepath.Join(t.TempDir(), "none"))
	k.Text("more", "")
	if key, err := k.Sum(); !os.IsNotExist(err) || key != "" {
		t.Errorf("key %q, error %v", key, err)
	}
}
