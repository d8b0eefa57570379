// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestCheckConfig(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".config")
	if err := os.WriteFile(path, []byte("CONFIG_SMP=y\n# CONFIG_DRM is not set\nCONFIG_NR_CPUS=8\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := checkConfig(path, "# about\n\nCONFIG_SMP=y\n# CONFIG_DRM is not set\nCONFIG_NR_CPUS=8\n"); err != nil {
		t.Error(err)
	}
	err := checkConfig(path, "CONFIG_SMP=y\nCONFIG_DRM=y\nCONFIG_NR_CPUS=4\n")
	if err == nil || !strings.Contains(err.Error(), "CONFIG_DRM=y CONFIG_NR_CPUS=4") {
		t.Errorf("error %v", err)
	}
}

func TestPrune(t *testing.T) {
	dir := t.TempDir()
	keep := []string{
		".config", "Makefile", "Module.symvers", "include/linux/a.h", "include/config/auto.conf", "scripts/basic/fixdep",
		"arch/arm64/include/asm/b.h", "arch/arm64/Makefile", "arch/arm64/boot/Image", "drivers/remoteproc/remoteproc_internal.h",
	}
	drop := []string{
		"vmlinux", "README", "mm/slub.c", "arch/x86/Makefile", "arch/arm64/mm/init.o", "arch/arm64/boot/Image.gz",
		"drivers/remoteproc/remoteproc_core.c", "drivers/remoteproc/sub/x.h", "includes/c.h",
	}
	for _, name := range slices.Concat(keep, drop) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := prune(dir); err != nil {
		t.Fatal(err)
	}
	var left []string
	if err := fs.WalkDir(os.DirFS(dir), ".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			left = append(left, path)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(keep)
	if !slices.Equal(left, keep) {
		t.Errorf("left\n%q\nwant\n%q", left, keep)
	}
}

func TestReadPackages(t *testing.T) {
	path := filepath.Join(t.TempDir(), "packages")
	if err := os.WriteFile(path, []byte("# what for\nbc  # arithmetic\n\nqemu-system-arm xz-utils\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	got, err := readPackages(path)
	if want := []string{"bc", "qemu-system-arm", "xz-utils"}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%q, %v", got, err)
	}
}

func TestSourceRoot(t *testing.T) {
	root, err := sourceRoot(".")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(root, "go.mod")); err != nil {
		t.Error(err)
	}
	if root, err := sourceRoot(t.TempDir()); err == nil {
		t.Errorf("found %s above an empty directory", root)
	}
}

// TestRunShowsTheEnd: a tool that fails has its last words in the error.
func TestRunShowsTheEnd(t *testing.T) {
	b := &Builder{Log: &bytes.Buffer{}}
	err := b.run(t.Context(), t.TempDir(), []string{"X=seen"}, "sh", "-c", "seq 1 100; echo $X >&2; exit 3")
	if err == nil || !strings.Contains(err.Error(), "seen") || !strings.Contains(err.Error(), "\n42\n") || strings.Contains(err.Error(), "\n41\n") {
		t.Errorf("error %v", err)
	}
	if err := b.run(t.Context(), t.TempDir(), nil, "true"); err != nil {
		t.Error(err)
	}
}

func TestMissingPackages(t *testing.T) {
	missing, err := missingPackages(t.Context(), []string{"no-such-package-offload"})
	if err != nil {
		t.Skip(err)
	}
	if !slices.Equal(missing, []string{"no-such-package-offload"}) {
		t.Errorf("%q", missing)
	}
}
