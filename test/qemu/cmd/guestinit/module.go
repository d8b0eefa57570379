// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/offload-runtime/offload/test/qemu/internal/guest"
)

// loadModules loads all of them, in the order given as far as their dependencies allow: one whose symbols are not there
// yet (ENOENT) is tried again after the others.
func loadModules(modules []guest.Module) error {
	for len(modules) > 0 {
		var later []guest.Module
		var last error
		for _, m := range modules {
			err := loadModule(m)
			if errors.Is(err, unix.ENOENT) {
				later, last = append(later, m), err
				continue
			}
			if err != nil {
				return err
			}
		}
		if len(later) == len(modules) {
			return last
		}
		modules = later
	}
	return nil
}

func loadModule(m guest.Module) error {
	f, err := os.Open(filepath.Join(guest.ModuleDir, m.File))
	if err != nil {
		return fmt.Errorf("%w (%v)", unix.EINVAL, err)
	}
	defer f.Close()
	if err := unix.FinitModule(int(f.Fd()), m.Params, 0); err != nil {
		return fmt.Errorf("loading %s %s: %w", m.File, m.Params, err)
	}
	return nil
}
