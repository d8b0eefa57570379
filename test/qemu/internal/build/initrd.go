// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
	"github.com/offload-runtime/offload/test/qemu/internal/cpio"
	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// goEnv is how programs for the guest are compiled.
var goEnv = []string{"GOOS=linux", "GOARCH=arm64", "CGO_ENABLED=0", "GOFLAGS="}

// initrd returns the part of the initramfs that all boots share, and the names of the modules in it.
func (b *Builder) initrd(ctx context.Context, modules, firmware string) (path string, names []string, err error) {
	tools, err := b.tools(ctx)
	if err != nil {
		return "", nil, err
	}
	bin, err := b.programs(ctx)
	if err != nil {
		return "", nil, err
	}
	k := cache.NewKey("initrd 2")
	k.Tree("modules", modules)
	k.Tree("firmware", firmware)
	k.Tree("tools", tools)
	k.Tree("bin", bin)
	key, err := k.Sum()
	if err != nil {
		return "", nil, err
	}
	dir, err := b.Store.Get(ctx, "initrd", key, func(ctx context.Context, dir string) error {
		return writeInitrd(filepath.Join(dir, "base.cpio"), bin, tools, modules, firmware)
	})
	if err != nil {
		return "", nil, err
	}
	names, err = moduleNames(modules)
	return filepath.Join(dir, "base.cpio"), names, err
}

func writeInitrd(path, bin, tools, modules, firmware string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := cpio.NewWriter(f)
	for _, dir := range []string{"dev", "proc", "sys", "tmp", "run", "etc", "root", "bin", "sbin"} {
		w.Dir(dir)
	}
	w.CharDev("dev/console", 0o600, 5, 1)
	w.CharDev("dev/null", 0o666, 1, 3)
	w.File("etc/passwd", 0o644, []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/tmp:/bin/sh\n"))
	w.File("etc/group", 0o644, []byte("root:x:0:\nnogroup:x:65534:\n"))
	w.File("etc/hosts", 0o644, []byte("127.0.0.1 localhost\n"))
	w.CopyFile("init", filepath.Join(bin, "guestinit"), 0o755)
	for dir, to := range map[string]string{bin: "bin", tools: "bin", modules: guest.ModuleDir, firmware: guest.FirmwareDir} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if e.Name() == "guestinit" || e.Name() == "stamp.json" || !e.Type().IsRegular() {
				continue
			}
			w.CopyFile(filepath.Join(to, e.Name()), filepath.Join(dir, e.Name()), 0o755)
		}
	}
	if err := w.Close(); err != nil {
		return err
	}
	return f.Close()
}

// programs compiles the Go programs of the guest: its first process and the offload tool. Go's own build cache knows when
// there is nothing to do.
func (b *Builder) programs(ctx context.Context) (string, error) {
	dir := filepath.Join(b.Store.Dir, "bin", strings.ReplaceAll(strings.Trim(b.Root, "/"), "/", "-"))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	compile := func(pkg string) error {
		return b.run(ctx, b.Root, goEnv, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", dir+"/", pkg)
	}
	if err := compile("./test/qemu/cmd/guestinit"); err != nil {
		return "", err
	}
	// A tool that does not compile right now is no reason to test nothing else. Tests that want it say that it is missing.
	if err := compile("./cmd/offload"); err != nil {
		fmt.Fprintf(b.Log, "the guest gets no offload: %v\n", err)
		if err := os.RemoveAll(filepath.Join(dir, "offload")); err != nil {
			return "", err
		}
	}
	return dir, nil
}

// tools compiles the C programs of the guest, statically.
func (b *Builder) tools(ctx context.Context) (string, error) {
	k := cache.NewKey("tools 2")
	sources, err := filepath.Glob(b.dir("cping", "*.c"))
	if err != nil {
		return "", err
	}
	for _, source := range sources {
		k.File(filepath.Base(source), source)
	}
	compiler, err := output(ctx, crossARM64+"gcc", "--version")
	if err != nil {
		return "", err
	}
	k.Text("compiler", compiler)
	key, err := k.Sum()
	if err != nil {
		return "", err
	}
	return b.Store.Get(ctx, "tools", key, func(ctx context.Context, dir string) error {
		for _, source := range sources {
			to := filepath.Join(dir, strings.TrimSuffix(filepath.Base(source), ".c"))
			err := b.run(ctx, dir, nil, crossARM64+"gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-static", "-s",
				"-o", to, source)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// moduleNames lists the modules, the project's own first: the board's devices may want to use them.
func moduleNames(dir string) ([]string, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.ko"))
	if err != nil {
		return nil, err
	}
	var names []string
	for _, path := range paths {
		names = append(names, filepath.Base(path))
	}
	own := func(name string) int {
		if name == "board_rproc.ko" || name == "shadow_heap.ko" {
			return 1
		}
		return 0
	}
	slices.SortStableFunc(names, func(x, y string) int { return own(x) - own(y) })
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no kernel modules", dir)
	}
	return names, nil
}
