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

const kernelPackage = "linux-source-6.12"

// kernelEnv makes a build the same whenever and wherever it runs.
var kernelEnv = []string{
	"ARCH=arm64",
	"CROSS_COMPILE=" + crossARM64,
	"KBUILD_BUILD_TIMESTAMP=@0",
	"KBUILD_BUILD_USER=offload",
	"KBUILD_BUILD_HOST=offload",
}

// kernel is one configuration of the kernel.
type kernel struct {
	*Builder
	suffix string // of the cache entries
	config string // what is on top of allnoconfig
	key    string
}

// newKernel finds out what a variant is made from; "" is the usual one.
func (b *Builder) newKernel(ctx context.Context, variant string) (*kernel, error) {
	k := &kernel{Builder: b}
	fragments := []string{b.dir("kernel", "config")}
	if variant != "" {
		k.suffix = "-" + variant
		fragments = append(fragments, b.dir("kernel", "config."+variant))
	}
	key := cache.NewKey("kernel 2")
	version, err := output(ctx, "dpkg-query", "-W", "-f", "${Version}", kernelPackage)
	if err != nil {
		return nil, err
	}
	key.Text("source", version)
	compiler, err := output(ctx, crossARM64+"gcc", "--version")
	if err != nil {
		return nil, err
	}
	key.Text("compiler", compiler)
	for _, path := range fragments {
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		k.config += string(text)
		key.File(filepath.Base(path), path)
	}
	k.key, err = key.Sum()
	return k, err
}

// image returns the Image for all machines.
func (k *kernel) image(ctx context.Context) (string, error) {
	// An entry of its own, because it is checked at each start and the tree has thousands of files.
	dir, err := k.Store.Get(ctx, "kernel"+k.suffix, k.key, func(ctx context.Context, dir string) error {
		tree, err := k.tree(ctx)
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
	return filepath.Join(dir, "Image"), err
}

// tree returns a built kernel tree that has what building modules takes, and no more.
func (k *kernel) tree(ctx context.Context) (string, error) {
	return k.Store.Get(ctx, "kernel-tree"+k.suffix, k.key, func(ctx context.Context, dir string) error {
		fmt.Fprintf(k.Log, "building the kernel%s (once, some minutes)\n", k.suffix)
		err := k.run(ctx, dir, nil, "tar", "xf", "/usr/src/"+kernelPackage+".tar.xz", "--strip-components=1")
		if err != nil {
			return err
		}
		// In the tree, not with O=: then nothing built contains its path, and the entry can be renamed into place.
		fragment := filepath.Join(dir, "offload.config")
		if err := os.WriteFile(fragment, []byte(k.config), 0o644); err != nil {
			return err
		}
		if err := k.run(ctx, dir, append(kernelEnv, "KCONFIG_ALLCONFIG="+fragment), "make", "allnoconfig"); err != nil {
			return err
		}
		if err := checkConfig(filepath.Join(dir, ".config"), k.config); err != nil {
			return err
		}
		jobs := fmt.Sprintf("-j%d", runtime.NumCPU()+1)
		// modules, although there are none: it makes Module.symvers.
		if err := k.run(ctx, dir, kernelEnv, "make", jobs, "Image", "modules"); err != nil {
			return err
		}
		return prune(dir)
	})
}

// checkConfig finds lines of the fragment that Kconfig dropped, for example because something they depend on is off.
func checkConfig(path, fragment string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	have := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		have[strings.TrimSpace(line)] = true
	}
	var dropped []string
	for line := range strings.Lines(fragment) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "CONFIG_") && !have[line] {
			dropped = append(dropped, line)
		}
	}
	if len(dropped) > 0 {
		return fmt.Errorf("Kconfig dropped %s", strings.Join(dropped, " "))
	}
	return nil
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
