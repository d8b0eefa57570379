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
	image, kernelKey, err := b.kernel(ctx)
	if err != nil {
		return nil, err
	}
	modules, err := b.modules(ctx, kernelKey)
	if err != nil {
		return nil, err
	}
	firmware, err := b.firmware(ctx)
	if err != nil {
		return nil, err
	}
	initrd, names, err := b.initrd(ctx, modules, firmware)
	if err != nil {
		return nil, err
	}
	var all []Artifacts
	for _, m := range machines {
		dtb, err := b.deviceTree(ctx, m)
		if err != nil {
			return nil, err
		}
		all = append(all, Artifacts{Machine: m.Name, Image: image, DTB: dtb, Initrd: initrd, Modules: names})
	}
	return all, nil
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
