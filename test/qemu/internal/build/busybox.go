// SPDX-License-Identifier: Apache-2.0

package build

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/offload-runtime/offload/test/qemu/internal/cache"
)

// Busybox returns a statically linked busybox for the guest, out of Debian's package for arm64. The host's package
// lists stay as they are: apt works in a directory of its own, where the architecture is arm64.
func (b *Builder) Busybox(ctx context.Context) (string, error) {
	key, err := cache.NewKey("busybox 2").Sum()
	if err != nil {
		return "", err
	}
	dir, err := b.Store.Get(ctx, "busybox", key, func(ctx context.Context, dir string) error {
		fmt.Fprintln(b.Log, "fetching Debian's busybox-static for arm64 (once)")
		work := filepath.Join(dir, "work")
		for _, sub := range []string{"state/lists/partial", "cache/archives/partial", "root"} {
			if err := os.MkdirAll(filepath.Join(work, sub), 0o755); err != nil {
				return err
			}
		}
		if err := os.WriteFile(filepath.Join(work, "status"), nil, 0o644); err != nil {
			return err
		}
		apt := []string{
			"-o", "APT::Architecture=arm64", "-o", "APT::Architectures=arm64",
			"-o", "Dir::State=" + filepath.Join(work, "state"),
			"-o", "Dir::State::status=" + filepath.Join(work, "status"),
			"-o", "Dir::Cache=" + filepath.Join(work, "cache"),
			"-o", "APT::Sandbox::User=",
			"-o", "Acquire::Languages=none",
		}
		if err := b.run(ctx, work, nil, "apt-get", append(apt, "update")...); err != nil {
			return err
		}
		if err := b.run(ctx, work, nil, "apt-get", append(apt, "download", "busybox-static")...); err != nil {
			return err
		}
		debs, err := filepath.Glob(filepath.Join(work, "busybox-static_*.deb"))
		if err != nil || len(debs) != 1 {
			return fmt.Errorf("apt-get download busybox-static left %d packages: %w", len(debs), err)
		}
		if err := b.run(ctx, work, nil, "dpkg-deb", "-x", debs[0], filepath.Join(work, "root")); err != nil {
			return err
		}
		for _, at := range []string{"bin/busybox", "usr/bin/busybox"} {
			if copyFile(filepath.Join(work, "root", at), filepath.Join(dir, "busybox")) == nil {
				return os.RemoveAll(work)
			}
		}
		return fmt.Errorf("%s has no busybox in it", filepath.Base(debs[0]))
	})
	return filepath.Join(dir, "busybox"), err
}
