// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
)

// modules returns a directory with the kernel modules: the board's drivers and, from kmod/, the project's own.
func (k *kernel) modules(ctx context.Context) (string, error) {
	inputs := cache.NewKey("modules 3")
	inputs.Text("kernel", k.key)
	inputs.Tree("board", k.dir("modules"))
	inputs.File("board.h", k.dir("include", "board.h"))
	for _, path := range kmodSources(k.Root) {
		inputs.File(filepath.Base(path), path)
	}
	key, err := inputs.Sum()
	if err != nil {
		return "", err
	}
	return k.Store.Get(ctx, "modules"+k.suffix, key, func(ctx context.Context, dir string) error {
		tree, err := k.tree(ctx)
		if err != nil {
			return err
		}
		work := filepath.Join(dir, "work")
		for _, from := range []string{k.dir("modules"), filepath.Join(k.Root, "kmod")} {
			if _, err := os.Stat(from); err != nil {
				continue
			}
			// Kbuild writes next to the sources.
			sources := filepath.Join(work, filepath.Base(from))
			if err := os.CopyFS(sources, os.DirFS(from)); err != nil {
				return err
			}
			err := k.run(ctx, sources, kernelEnv, "make", "-C", tree, "M="+sources, "BOARD_INCLUDE="+k.dir("include"), "modules")
			if err != nil {
				return err
			}
			if err := collect(sources, dir, ".ko"); err != nil {
				return err
			}
		}
		return os.RemoveAll(work)
	})
}

// kmodSources are the files of kmod/ that its modules are made from; tests and packaging are there as well.
func kmodSources(root string) []string {
	var paths []string
	for _, pattern := range []string{"*.[ch]", "uapi/*/*.h", "uapi/*.h", "Kbuild", "Makefile"} {
		found, err := filepath.Glob(filepath.Join(root, "kmod", pattern))
		if err == nil { // the patterns are well-formed
			paths = append(paths, found...)
		}
	}
	return paths
}

// firmware returns a directory with the processors' ELF files, or the one that OFFLOAD_BOARD_FIRMWARE names.
func (b *Builder) firmware(ctx context.Context) (string, error) {
	if dir := os.Getenv("OFFLOAD_BOARD_FIRMWARE"); dir != "" {
		return dir, nil
	}
	k := cache.NewKey("firmware 3")
	k.Tree("firmware", b.dir("firmware"))
	k.File("board.h", b.dir("include", "board.h"))
	for _, part := range []string{"include", "src", "functions"} {
		k.Tree("kit/"+part, filepath.Join(b.Root, "firmware", "kit", part))
	}
	for _, cross := range []string{crossARM64, crossARM} {
		compiler, err := output(ctx, cross+"gcc", "--version")
		if err != nil {
			return "", err
		}
		k.Text(cross, compiler)
	}
	key, err := k.Sum()
	if err != nil {
		return "", err
	}
	return b.Store.Get(ctx, "firmware", key, func(ctx context.Context, dir string) error {
		work := filepath.Join(dir, "work")
		jobs := fmt.Sprintf("-j%d", runtime.NumCPU()+1)
		err := b.run(ctx, b.dir("firmware"), nil, "make", jobs, "OUT="+work, "CROSS_AARCH64="+crossARM64, "CROSS_ARM="+crossARM)
		if err != nil {
			return err
		}
		if err := collect(work, dir, ".elf"); err != nil {
			return err
		}
		if names, _ := filepath.Glob(filepath.Join(dir, "*.elf")); len(names) == 0 {
			return fmt.Errorf("make in %s made no .elf", b.dir("firmware"))
		}
		return os.RemoveAll(work)
	})
}

// collect copies files with a suffix from anywhere below from.
func collect(from, to, suffix string) error {
	return filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !strings.HasSuffix(path, suffix) {
			return err
		}
		return copyFile(path, filepath.Join(to, filepath.Base(path)))
	})
}
