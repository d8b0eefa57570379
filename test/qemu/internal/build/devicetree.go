// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"path/filepath"
	"strings"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
	"github.com/offload-runtime/offload/test/qemu/internal/machine"
)

// deviceTree returns the device tree of a machine: what QEMU would give to the kernel, less the parts that the remote
// processors take, plus the overlay.
func (b *Builder) deviceTree(ctx context.Context, m machine.Machine) (string, error) {
	k := cache.NewKey("dtb 2")
	version, err := output(ctx, machine.Emulator, "--version")
	if err != nil {
		return "", err
	}
	k.Text("qemu", version)
	k.Text("hardware", strings.Join(m.Hardware(), " "))
	k.Text("remove", strings.Join(m.Remove, " "))
	k.Text("features", strings.Join(m.Features, " "))
	overlay := b.dir("dts", m.Overlay+".dtso")
	k.File("overlay", overlay)
	k.File("board.h", b.dir("include", "board.h"))
	key, err := k.Sum()
	if err != nil {
		return "", err
	}
	dir, err := b.Store.Get(ctx, "dtb-"+m.Name, key, func(ctx context.Context, dir string) error {
		base, source, object := filepath.Join(dir, "base.dtb"), filepath.Join(dir, "overlay.dts"), filepath.Join(dir, "overlay.dtbo")
		if err := b.run(ctx, dir, nil, machine.Emulator, append(m.DumpDTB(base), "-nodefaults", "-display", "none")...); err != nil {
			return err
		}
		for _, node := range m.Remove {
			if err := b.run(ctx, dir, nil, "fdtput", "-r", base, node); err != nil {
				return err
			}
		}
		cpp := []string{"-E", "-nostdinc", "-undef", "-P", "-x", "assembler-with-cpp", "-I", b.dir("include"), "-o", source}
		for _, feature := range m.Features {
			cpp = append(cpp, "-D", feature)
		}
		if err := b.run(ctx, dir, nil, crossARM64+"gcc", append(cpp, overlay)...); err != nil {
			return err
		}
		// Without the base in sight dtc warns of what only looks incomplete.
		if err := b.run(ctx, dir, nil, "dtc", "-q", "-I", "dts", "-O", "dtb", "-o", object, source); err != nil {
			return err
		}
		return b.run(ctx, dir, nil, "fdtoverlay", "-i", base, "-o", filepath.Join(dir, "board.dtb"), object)
	})
	return filepath.Join(dir, "board.dtb"), err
}
