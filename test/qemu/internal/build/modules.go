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
func (b *Builder) modules(ctx context.Context, kernelKey string) (string, error) {
	k := cache.NewKey("modules 2")
	k.Text("kernel", kernelKey)
	k.Tree("board", b.dir("modules"))
	k.File("board.h", b.dir("include", "board.h"))
	k.Tree("kmod", filepath.Join(b.Root, "kmod"))
	key, err := k.Sum()
	if err != nil {
		return "", err
	}
	return b.Store.Get(ctx, "modules", key, func(ctx context.Context, dir string) error {
		tree, err := b.kernelTree(ctx, kernelKey)
		if err != nil {
			return err
		}
		work := filepath.Join(dir, "work")
		for _, from := range []string{b.dir("modules"), filepath.Join(b.Root, "kmod")} {
			if _, err := os.Stat(from); err != nil {
				continue
			}
			// Kbuild writes next to the sources.
			sources := filepath.Join(work, filepath.Base(from))
			if err := os.CopyFS(sources, os.DirFS(from)); err != nil {
				return err
			}
			err := b.run(ctx, sources, kernelEnv, "make", "-C", tree, "M="+sources,
				"BOARD_INCLUDE="+b.dir("include"), "KBUILD_MODPOST_WARN=", "modules")
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
