// SPDX-License-Identifier: Apache-2.0

package build

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

// Cross compiler prefixes, as Debian names them.
const (
	crossARM64 = "aarch64-linux-gnu-"
	crossARM   = "arm-none-eabi-"
)

// Builder builds from one source tree into one cache.
type Builder struct {
	Root  string // of the source tree
	Store *cache.Store
	Log   io.Writer // progress and, when a step goes wrong, what its tools said
}

// Artifacts are the parts of one machine, as paths.
type Artifacts struct {
	Machine string   `json:"machine"`
	Root    string   `json:"root"` // of the source tree
	Image   string   `json:"image"`
	DTB     string   `json:"dtb"`
	Initrd  string   `json:"initrd"`
	Modules []string `json:"modules"` // in the initramfs, in the order to try
}

// New returns a builder for the source tree that dir is in.
func New(dir string, log io.Writer) (*Builder, error) {
	root, err := sourceRoot(dir)
	if err != nil {
		return nil, err
	}
	store, err := cache.Dir()
	if err != nil {
		return nil, err
	}
	return &Builder{Root: root, Store: &cache.Store{Dir: store, Log: log}, Log: log}, nil
}

// sourceRoot finds the directory above dir that has test/qemu.
func sourceRoot(dir string) (string, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	for at := dir; ; at = filepath.Dir(at) {
		if _, err := os.Stat(filepath.Join(at, "test", "qemu", "kernel", "config")); err == nil {
			return at, nil
		}
		if at == filepath.Dir(at) {
			return "", fmt.Errorf("%s is not inside the source tree of offload: %w", dir, fs.ErrNotExist)
		}
	}
}

// Build makes all parts of the machines.
func (b *Builder) Build(ctx context.Context, machines ...machine.Machine) ([]Artifacts, error) {
	if err := b.Packages(ctx); err != nil {
		return nil, err
	}
	firmware, err := b.firmware(ctx)
	if err != nil {
		return nil, err
	}
	kernels := make(map[string]Artifacts)
	var all []Artifacts
	for _, m := range machines {
		parts, ok := kernels[m.Kernel]
		if !ok {
			if parts, err = b.system(ctx, m.Kernel, firmware); err != nil {
				return nil, err
			}
			kernels[m.Kernel] = parts
		}
		parts.Machine = m.Name
		if parts.DTB, err = b.deviceTree(ctx, m); err != nil {
			return nil, err
		}
		all = append(all, parts)
	}
	return all, nil
}

// system makes what machines with the same kernel share.
func (b *Builder) system(ctx context.Context, variant, firmware string) (Artifacts, error) {
	k, err := b.newKernel(ctx, variant)
	if err != nil {
		return Artifacts{}, err
	}
	image, err := k.image(ctx)
	if err != nil {
		return Artifacts{}, err
	}
	modules, err := k.modules(ctx)
	if err != nil {
		return Artifacts{}, err
	}
	initrd, names, err := b.initrd(ctx, modules, firmware)
	return Artifacts{Root: b.Root, Image: image, Initrd: initrd, Modules: names}, err
}

// dir returns a path below test/qemu.
func (b *Builder) dir(elem ...string) string {
	return filepath.Join(append([]string{b.Root, "test", "qemu"}, elem...)...)
}

// run runs a tool. Its output is shown only if it goes wrong.
func (b *Builder) run(ctx context.Context, dir string, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), errors.Join(err, ctx.Err()), tail(out.Bytes(), 60))
	}
	return nil
}

// output runs a tool and returns what it prints.
func output(ctx context.Context, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w\n%s", strings.Join(cmd.Args, " "), err, stderr.Bytes())
	}
	return strings.TrimSpace(string(out)), nil
}

func tail(text []byte, lines int) []byte {
	text = bytes.TrimRight(text, "\n")
	at := len(text)
	for ; lines > 0 && at > 0; lines-- {
		at = max(0, bytes.LastIndexByte(text[:at], '\n'))
	}
	return bytes.TrimLeft(text[at:], "\n")
}
