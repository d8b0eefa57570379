// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
)

const (
	kernelPackage = "linux-source-6.12"
	kernelRecipe  = "kernel 2"
)

// kernelEnv makes a build the same whenever and wherever it runs.
var kernelEnv = []string{
	"ARCH=arm64",
	"CROSS_COMPILE=" + crossARM64,
	"KBUILD_BUILD_TIMESTAMP=@0",
	"KBUILD_BUILD_USER=offload",
	"KBUILD_BUILD_HOST=offload",
}

// kernel returns the Image for all machines, and the key of the build.
func (b *Builder) kernel(ctx context.Context) (image, key string, err error) {
	key, err = b.kernelKey(ctx)
	if err != nil {
		return "", "", err
	}
	// An entry of its own, because it is checked at each start and the tree has thousands of files.
	dir, err := b.Store.Get(ctx, "kernel", key, func(ctx context.Context, dir string) error {
		tree, err := b.kernelTree(ctx, key)
		if err != nil {
			return err
		}
		for from, to := range map[string]string{"arch/arm64/boot/Image": "Image", ".config": "config", "System.map": "System.map"} {
			if err := copyFile(filepath.Join(tree, from), filepath.Join(dir, to)); err != nil {
				return err
			}
		}
		return nil
	})
	return filepath.Join(dir, "Image"), key, err
}

func (b *Builder) kernelKey(ctx context.Context) (string, error) {
	k := cache.NewKey(kernelRecipe)
	version, err := output(ctx, "dpkg-query", "-W", "-f", "${Version}", kernelPackage)
	if err != nil {
		return "", err
	}
	k.Text("source", version)
	compiler, err := output(ctx, crossARM64+"gcc", "--version")
	if err != nil {
		return "", err
	}
	k.Text("compiler", compiler)
	k.File("config", b.dir("kernel", "config"))
	return k.Sum()
}

// kernelTree returns a built kernel tree that has what building modules takes, and no more.
func (b *Builder) kernelTree(ctx context.Context, key string) (string, error) {
	return b.Store.Get(ctx, "kernel-tree", key, func(ctx context.Context, dir string) error {
		fmt.Fprintln(b.Log, "building the kernel (once, some minutes)")
		err := b.run(ctx, dir, nil, "tar", "xf", "/usr/src/"+kernelPackage+".tar.xz", "--strip-components=1")
		if err != nil {
			return err
		}
		// In the tree, not with O=: then nothing built contains its path, and the entry can be renamed into place.
		config := b.dir("kernel", "config")
		if err := b.run(ctx, dir, append(kernelEnv, "KCONFIG_ALLCONFIG="+config), "make", "allnoconfig"); err != nil {
			return err
		}
		if err := checkConfig(filepath.Join(dir, ".config"), config); err != nil {
			return err
		}
		jobs := fmt.Sprintf("-j%d", runtime.NumCPU()+1)
		// modules, although there are none: it makes Module.symvers.
		if err := b.run(ctx, dir, kernelEnv, "make", jobs, "Image", "modules"); err != nil {
			return err
		}
		return prune(dir)
	})
}

// checkConfig finds lines of the fragment that Kconfig dropped, for example because something they depend on is off.
func checkConfig(config, fragment string) error {
	text, err := os.ReadFile(config)
	if err != nil {
		return err
	}
	have := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		have[strings.TrimSpace(line)] = true
	}
	f, err := os.Open(fragment)
	if err != nil {
		return err
	}
	defer f.Close()
	var dropped []string
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); strings.HasPrefix(line, "CONFIG_") && !have[line] {
			dropped = append(dropped, line)
		}
	}
	if len(dropped) > 0 {
		return fmt.Errorf("%s: Kconfig dropped %s", fragment, strings.Join(dropped, " "))
	}
	return lines.Err()
}

// prune removes from a built kernel tree what no module needs: objects and most of the sources, 1.6 GB.
func prune(dir string) error {
	keepDir := []string{"include", "scripts", "arch/arm64/include", "arch/arm64/tools"}
	keepFile := []string{
		"Makefile", "Kbuild", ".config", "Module.symvers", "System.map", "modules.order",
		"arch/arm64/Makefile", "arch/arm64/boot/Image", "arch/arm64/kernel/module.lds", "scripts/module.lds",
		"drivers/remoteproc/remoteproc_internal.h", "drivers/remoteproc/remoteproc_elf_helpers.h",
	}
	keep := make(map[string]bool)
	for _, name := range keepFile {
		keep[name] = true
	}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			for _, k := range keepDir {
				if rel == k {
					return filepath.SkipDir
				}
				if strings.HasPrefix(k, rel+"/") {
					return nil
				}
			}
			for _, k := range keepFile {
				if strings.HasPrefix(k, rel+"/") {
					return nil
				}
			}
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return filepath.SkipDir
		}
		if keep[rel] {
			return nil
		}
		return os.Remove(path)
	})
}

func copyFile(from, to string) error {
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}
